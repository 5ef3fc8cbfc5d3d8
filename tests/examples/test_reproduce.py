"""The study runs to its tables, goes on after Ctrl-C, and says what is wrong."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import importlib
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
import tlkit.testing
from tlkit._plugins.discovery import Discovery
from tlkit.backbones import registry
from tlkit.probing._kept_probes import KeptProbes
from tlkit.training.loop._reports import SearchReport
from tlkit.training.loop.callbacks import EpochKeeper

EXAMPLE = Path(__file__).parents[2] / "examples" / "rakuten"
BACKBONES = ("tiny_a", "tiny_b")
EVERY_STAGE = ("--stages", "0,1,2,3,4,5")
SMALL = ["--image-size", "32", *(f"--weights={name}=none" for name in BACKBONES)]

Main = Callable[..., int]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example, with networks and a profile that take seconds."""
    return brief_example(monkeypatch)


def brief_example(monkeypatch: pytest.MonkeyPatch) -> Any:
    specs = [dataclasses.replace(tlkit.testing.tiny_backbone(), name=name) for name in BACKBONES]
    found = registry.Registry(Discovery(specs))
    monkeypatch.setattr(registry, "installed_registry", lambda: found)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    protocol = importlib.import_module("protocol")
    published = importlib.import_module("published")
    brief = dataclasses.replace(
        protocol.QUICK,
        trials=tuple(published.Trial(name, 32, 2, 16) for name in BACKBONES),
        kept=1,
        epochs={2: 1, 3: 1, 5: 1},
        finder=tlkit.ExponentialLRFinder(1e-5, 2.0, steps=12, selector=tlkit.MinimumOverTen()),
    )
    monkeypatch.setitem(protocol.PROFILES, "quick", brief)
    return importlib.import_module("reproduce")


@pytest.fixture
def challenge_folder(tmp_path: Path) -> Path:
    """Three colours, twelve pictures each, in the challenge's layout."""
    return make_challenge(tmp_path / "data")


def make_challenge(root: Path) -> Path:
    images = root / "images" / "image_train"
    images.mkdir(parents=True)
    random = np.random.default_rng(0)
    products, types = (
        [["", "designation", "description", "productid", "imageid"]],
        [["", "prdtypecode"]],
    )
    for row in range(36):
        colour = np.eye(3)[row % 3] * 150 + 50
        pixels = (colour + random.integers(-40, 41, (32, 32, 3))).astype("uint8")
        Image.fromarray(pixels).save(images / f"image_{row}_product_{row + 100}.jpg")
        products.append([str(row), "a colour", "", str(row + 100), str(row)])
        types.append([str(row), str((10, 20, 30)[row % 3])])
    for name, rows in (("X_train_update.csv", products), ("Y_train_CVw08PX.csv", types)):
        with (root / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return root


def run(example: Any, data: Path, out: Path, *more: str) -> int:
    status: int = example.main(["--data", str(data), "--out", str(out), *SMALL, *more])
    return status


@dataclasses.dataclass(frozen=True)
class Study:
    """A study that nothing interrupts: its folder, and what it printed."""

    out: Path
    printed: str

    @property
    def scores(self) -> list[float]:
        """Of every stage."""
        return scores(self.out)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One for all tests, which compare others with it."""
    folder = tmp_path_factory.mktemp("unbroken")
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        example = brief_example(patch)
        data = make_challenge(folder / "data")
        assert run(example, data, folder / "out", *EVERY_STAGE) == 0
    return Study(folder / "out", printed.getvalue())


def test_all_five_stages_end_in_tables_plots_results_and_a_plain_keras_model(
    unbroken: Study,
) -> None:
    out = unbroken.out
    assert "Did augmentation help?" in unbroken.printed
    assert "Did fine-tuning at 1e-5 help?" in unbroken.printed
    assert "stage 4:" in unbroken.printed
    assert "not on the Rakuten images" in unbroken.printed
    results = json.loads((out / "results.json").read_text("utf-8"))
    assert {outcome["stage"] for outcome in results["outcomes"]} == {1, 2, 3, 4, 5}
    assert results["is_rakuten"] is False
    tables = (out / "tables.md").read_text("utf-8")
    # Published figures stand beside the backbone that they were published for, and no other.
    (row,) = [
        line for line in tables.splitlines() if line.startswith("| xception ") and "0.66" in line
    ]
    assert "0.60" in row
    names = {path.name for path in (out / "plots").iterdir()}
    assert "confusion.png" in names
    assert any(name.startswith("learning_curves_") for name in names)
    assert any(name.startswith("learning_rate_") for name in names)
    assert f"Report:  {out / 'report.html'}" in unbroken.printed
    page = (out / "report.html").read_text("utf-8")
    assert "below the benchmark of 0.5534" in page
    assert "is the challenge&#39;s, for the Rakuten images" in page, "and these are others"
    assert "Did fine-tuning at 1e-5 help?" in page
    assert "Grad-CAM at" in page or "There is none." in page
    model = keras.models.load_model(out / "model.keras")
    assert model.predict(np.zeros((2, 32, 32, 3), "uint8"), verbose=0).shape == (2, 3)


# The sweep, which trains as well; the others take as long again.
@pytest.mark.slow
@pytest.mark.parametrize("stage", range(6))
def test_ctrl_c_in_any_stage_is_told_and_resume_gives_what_an_unbroken_run_gives(
    example: Any,
    challenge_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unbroken: Study,
    stage: int,
) -> None:
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, stage)
        assert run(example, challenge_folder, tmp_path / "out", *EVERY_STAGE) == 130
    assert "--resume" in capsys.readouterr().err
    assert not (tmp_path / "out" / "model.keras").exists()
    assert not list((tmp_path / "out").rglob(".*")), "nothing half-written"
    assert run(example, challenge_folder, tmp_path / "out", "--resume", *EVERY_STAGE) == 0
    assert scores(tmp_path / "out") == unbroken.scores


# How each line of a study begins, from its first stage on.
SAID = [
    "stage 1",
    "1 frozen",
    "  tiny_a",
    "1 frozen",
    "  tiny_b",
    "kept for stages 2 to 5",
    "stage 1 once more with preprocessing 'unit', to see what it is worth",
    "1 frozen",
    "  tiny_X",
    "stage 2",
    "2 augmented",
    "  tiny_X",
    "stage 3",
    "3 fine-tuned",
    "  tiny_X",
    "stage 4",
    "  tiny_X",
    "stage 5",
    "5 final",
    "  tiny_X",
]


class AtOnce(Executor):
    """Runs what a worker would, as it arrives there; some of it is lost.

    Args:
        lost: Numbers of the tasks whose worker is killed.
    """

    def __init__(self, lost: tuple[int, ...] = ()) -> None:
        self._lost, self.tasks = lost, 0

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        """Run a task."""
        future: Future[Any] = Future()
        self.tasks += 1
        if self.tasks in self._lost:
            future.set_exception(BrokenProcessPool("a process was terminated"))
            return future
        try:
            future.set_result(fn(*pickle.loads(pickle.dumps(args))))  # noqa: S301
        except (tlkit.TlkitError, KeyboardInterrupt) as error:
            future.set_exception(error)
        return future


@pytest.mark.slow
def test_workers_give_what_one_process_gives_and_say_it_in_the_same_order(
    example: Any,
    challenge_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unbroken: Study,
) -> None:
    executor = AtOnce(lost=(1, 4))  # a candidate of stage 1, and stages 2 to 5
    monkeypatch.setattr(tlkit, "ProcessExecutor", lambda *_, **__: executor)
    assert run(example, challenge_folder, tmp_path / "out", "--workers", "2") == 0
    assert executor.tasks == 4, "two candidates, one again, and the stages of the one that is kept"
    assert scores(tmp_path / "out") == unbroken.scores
    said = capsys.readouterr().err
    assert said.count("a worker failed (BrokenProcessPool('a process was terminated'))") == 5
    lines = [line.split(":")[0] for line in said.splitlines() if "a worker failed" not in line]
    (best,) = {line for line in lines[-11:] if line.startswith("  ")}
    assert lines[lines.index("stage 1") :] == [x.replace("  tiny_X", best) for x in SAID]
    capsys.readouterr()
    assert run(example, challenge_folder, tmp_path / "out", "--resume", "--workers", "2") == 0
    assert executor.tasks == 4, "what is finished is not sent again"


@pytest.mark.slow
def test_a_worker_goes_on_where_a_study_was_stopped(
    example: Any,
    challenge_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unbroken: Study,
) -> None:
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, 5)
        assert run(example, challenge_folder, tmp_path / "out") == 130
    executor = AtOnce()
    monkeypatch.setattr(tlkit, "ProcessExecutor", lambda *_, **__: executor)
    assert run(example, challenge_folder, tmp_path / "out", "--resume", "--workers", "2") == 0
    assert executor.tasks == 1
    assert scores(tmp_path / "out") == unbroken.scores


def test_stage_0_ranks_what_stage_1_trains_and_says_how_they_agree(unbroken: Study) -> None:
    assert "stages 0 and 1: weighted Kendall tau " in unbroken.printed
    tables = (unbroken.out / "tables.md").read_text("utf-8")
    assert "## Stage 0" in tables
    assert "tiny_a 32 px, random weights" in tables


def press_ctrl_c(patch: pytest.MonkeyPatch, stage: int) -> None:
    """Interrupt after a probe, the end of a stage's first epoch, or of the sweep's first rate."""
    name = "write" if stage == 0 else "on_epoch_end"
    owner = {0: KeptProbes, 4: SearchReport}.get(stage, EpochKeeper)
    finish = getattr(owner, name)

    def interrupted(self: Any, *arguments: Any) -> None:
        finish(self, *arguments)
        if stage in (0, 4) or self._stage.startswith(str(stage)):
            raise KeyboardInterrupt

    patch.setattr(owner, name, interrupted)


def scores(out: Path) -> list[float]:
    outcomes = json.loads((out / "results.json").read_text("utf-8"))["outcomes"]
    return [o["scores"]["weighted_f1"] if o["scores"] else o["learning_rate"] for o in outcomes]


def test_help_explains_every_option() -> None:
    shown = subprocess.run(
        [sys.executable, str(EXAMPLE / "reproduce.py"), "--help"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for option in ("--data", "--profile", "--backbones", "--image-size", "--stages", "--out",
                   "--seed", "--resume"):  # fmt: skip
        assert option in shown


def truncate(root: Path) -> None:
    file = root / "images" / "image_train" / "image_3_product_103.jpg"
    file.write_bytes(file.read_bytes()[:200])


def remove_image(root: Path) -> None:
    (root / "images" / "image_train" / "image_3_product_103.jpg").unlink()


def misname_column(root: Path) -> None:
    file = root / "X_train_update.csv"
    file.write_text(file.read_text("utf-8").replace("imageid", "image_id"), "utf-8")


def one_class(root: Path) -> None:
    file = root / "Y_train_CVw08PX.csv"
    file.write_text(file.read_text("utf-8").replace(",20", ",10").replace(",30", ",10"), "utf-8")


def leave_alone(root: Path) -> None:
    """Damage nothing."""
    assert root.is_dir()


@pytest.mark.parametrize(
    ("damage", "arguments", "told"),
    [
        (truncate, [], "image_3_product_103.jpg"),
        (remove_image, [], "image_3_product_103.jpg"),
        (misname_column, [], "image_id"),
        (one_class, [], "class"),
        (leave_alone, ["--backbones", "tiny_q"], "tiny_a"),
        (leave_alone, ["--image-size", "5"], "8"),
        (leave_alone, ["--data", "/does/not/exist"], "/does/not/exist"),
        (leave_alone, ["--weights", "tiny_a=/no/file.h5"], "/no/file.h5"),
        (leave_alone, ["--out", "/dev/null/out"], "--out"),
    ],
)  # fmt: skip
def test_bad_input_ends_with_a_message_and_writes_nothing(
    example: Any,
    challenge_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    arguments: list[str],
    told: str,
) -> None:
    damage(challenge_folder)
    assert run(example, challenge_folder, tmp_path / "out", *arguments) == 1
    message = capsys.readouterr().err
    assert "error: " in message
    assert told in message
    assert "Traceback" not in message
    assert not (tmp_path / "out").exists()


def test_a_class_with_one_image_is_named(
    example: Any, challenge_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = challenge_folder / "Y_train_CVw08PX.csv"
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join([*lines[:-1], "35,77"]) + "\n", "utf-8")
    assert run(example, challenge_folder, tmp_path / "out") == 1
    assert "77" in capsys.readouterr().err


@pytest.mark.slow
def test_damaged_images_are_named_and_left_out_only_when_asked(
    example: Any, challenge_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truncate(challenge_folder)
    out = tmp_path / "out"
    assert run(example, challenge_folder, out, "--skip-damaged", "--stages", "1") == 0
    assert "image_3_product_103.jpg" in capsys.readouterr().err
    results = json.loads((out / "results.json").read_text("utf-8"))
    assert results["train_images"] + results["validation_images"] == 35


def test_a_folder_that_holds_a_study_is_not_overwritten(
    example: Any, challenge_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_folder = importlib.import_module("out_folder")
    out_folder.open_out(tmp_path / "out", {"seed": 1}, resume=False)
    assert run(example, challenge_folder, tmp_path / "out") == 1
    assert "--resume" in capsys.readouterr().err
    assert run(example, challenge_folder, tmp_path / "out", "--resume") == 1
    assert "seed" in capsys.readouterr().err


@pytest.mark.usefixtures("example")
def test_the_study_profile_is_the_published_protocol() -> None:
    protocol = importlib.import_module("protocol")
    study = protocol.STUDY
    assert len(study.trials) == 16
    assert study.kept == 5
    assert study.preprocessing == "unit"
    assert study.epochs == {2: 40, 3: 40, 5: 40}
    rates = study.finder.learning_rates
    np.testing.assert_allclose(rates, 1e-5 * 100 ** (np.arange(100) / 37), rtol=1e-12)
    assert (
        repr(protocol.HEAD)
        == "Head(units=(1024, 512), dropout=0.2, activation='relu', output='auto', cuts='last')"
    )
