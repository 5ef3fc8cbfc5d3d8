"""The page says what was trained, how well it does and where it fails, in one safe file."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import shutil
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
import tlkit.testing
from tests.conftest import thorough
from tlkit import Evaluation
from tlkit.errors import EvaluationError, RunDirectoryError
from tlkit.reporting import Gain
from tlkit.training import read_run
from tlkit.training.stage_result import FrozenWork

pytest.importorskip("jinja2", reason="reports are in the extra tlkit[report]")

NOTHING = "\N{EN DASH}"
EVIL = '<script>alert("x")</script>&amp;<img src=x onerror=alert(1)>'


class Page(HTMLParser):
    """What a test wants to know of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.tables: dict[str, list[list[str]]] = {}
        self._section = self._inside = ""
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "section":
            self._section = str(dict(attrs)["id"])
        rows = self.tables.setdefault(self._section, [])
        if tag == "tr":
            rows.append([])
        elif tag in ("th", "td"):
            rows[-1] += [""] * int(dict(attrs).get("colspan") or 1)

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.text += data
        rows = self.tables.get(self._section)
        if rows and rows[-1] and self._inside in ("th", "td", "code"):
            rows[-1][-1] += data.strip()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def row(self, section: str, stage: str) -> dict[str, str]:
        """A row of a section's table of stages, by the heads of its columns."""
        heads, *rows = self.tables[section]
        (row,) = [dict(zip(heads, cells, strict=True)) for cells in rows if stage in cells][:1]
        return row


class StopIn(keras.callbacks.Callback):  # type: ignore[misc]
    """Presses Ctrl-C when an epoch, counted from 0, begins."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop."""
        if epoch == self.epoch:
            raise KeyboardInterrupt


FINDER = tlkit.ExponentialLRFinder(1e-4, 100.0, steps=24, unit="batch", selector=tlkit.Valley())


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 48 + 16 images whose second stage was cut off, after its search, in epoch 2 of 3."""
    folder = tmp_path_factory.mktemp("runs")
    head = tlkit.Stage(
        "head", epochs=4, learning_rate=0.01, augmentation=tlkit.Augmentation(), views=1
    )
    tuning = tlkit.Stage(
        "fine-tune",
        epochs=3,
        learning_rate=FINDER,
        policy=tlkit.UnfreezeTop(layers=3),
        callbacks=(StopIn(1),),
    )
    trainer = tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(),
        stages=[head, tuning],
        weights=None,
        cache=folder / "secret",
        run_dir=folder / "run",
    )
    train, validation = tlkit.testing.tiny_dataset(images=64).split(0.25)
    assert (len(train), len(validation)) == (48, 16)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(train, validation, verbose=0)
    return folder / "run"


@pytest.fixture
def run_dir(cut_off: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be damaged."""
    return Path(shutil.copytree(cut_off, tmp_path / "run"))


CLASSES = ["class_0", "class_1", "class_2"]  # of that run


def questionnaire(names: list[str], seed: int = 0, strength: float = 1.5) -> Evaluation:
    random, count = np.random.default_rng(seed), len(names)
    truth = np.arange(60) % count
    logits = random.normal(size=(60, count))
    logits[np.arange(60), truth] += strength
    weights = np.exp(logits)
    return Evaluation.from_predictions(truth, weights / weights.sum(1, keepdims=True), names)


@pytest.fixture(scope="module")
def trained() -> tuple[Any, tlkit.ImageDataset]:
    data = tlkit.testing.tiny_dataset(images=24)
    trainer = tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(),
        stages=[tlkit.Stage("head", epochs=1, learning_rate=0.01)],
        weights=None,
        cache=False,
    )
    return trainer.fit(data, data), data


def test_a_result_and_its_images_make_a_whole_page(
    trained: tuple[Any, tlkit.ImageDataset], tmp_path: Path
) -> None:
    result, data = trained
    file = tlkit.report(
        result, tmp_path / "new" / "report.html", dataset=data, check=data.check(), benchmark=0.9
    )
    page = Page(file)
    assert "24 images checked, none is damaged." in page.text
    assert "class_0" in page.text
    assert "below the benchmark of 0.9000" in page.text
    assert "Grad-CAM at top_relu" in page.text
    found = tlkit.evaluate(result, data)
    assert f"{found.weighted_f1:.3f}" in page.text
    wrong = int((found.predictions != found.y_true).sum())
    assert f"{min(wrong, 12)} of {wrong} mistakes" in page.text
    assert list(file.parent.iterdir()) == [file], "nothing else is left behind"


def test_pictures_are_in_the_file_and_say_what_they_show(
    trained: tuple[Any, tlkit.ImageDataset], tmp_path: Path
) -> None:
    page = Page(tlkit.report(trained[0], tmp_path / "r.html", dataset=trained[1]))
    pictures = page.all("img")
    assert len(pictures) > 5
    for picture in pictures:
        kind, _, data = str(picture["src"]).partition(";base64,")
        assert kind in ("data:image/png", "data:image/jpeg")
        size = Image.open(io.BytesIO(base64.b64decode(data))).size
        assert size == (int(str(picture["width"])), int(str(picture["height"])))
        assert picture["alt"]


def test_nothing_is_fetched(run_dir: Path, tmp_path: Path) -> None:
    text = tlkit.report(run_dir, tmp_path / "r.html").read_text("utf-8")
    assert not re.search(r"""(src|href)=["'](https?:)?//""", text)
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_a_run_directory_tells_what_was_trained_and_what_was_saved(
    cut_off: Path, tmp_path: Path
) -> None:
    page = Page(tlkit.report(cut_off, tmp_path / "r.html"))
    assert "run: 1 of 2 stages are finished; fine-tune reached epoch 1 of 3" in page.text
    # 64 images in 4 epochs; one view of each training image, and each validation image, once.
    assert "256 passes in 1 of 2 stages" in page.text
    assert "Here 64 were run, and 192 were not" in page.text
    assert "This run was not evaluated" in page.text
    assert "StagedTrainer.from_run" in page.text
    assert re.search(r"Stage\(\s+name='fine-tune',\s+epochs=3,", page.text)
    assert "secret" not in page.text, "where things lie on a machine is nobody's business"


def test_engine_its_speed_and_the_time_saved_are_those_that_the_training_measured(
    cut_off: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="with one engine alone nothing is measured")
    (head, _) = read_run(cut_off).stages
    assert head.result is not None
    frozen = head.result.frozen
    assert frozen is not None
    assert (frozen.passes, frozen.plain_passes) == (64, 256)
    assert frozen.engine in frozen.ms
    assert frozen.seconds_saved is not None
    page = Page(tlkit.report(cut_off, tmp_path / "r.html"))
    row = page.row("savings", "head")
    assert row["Passes of plain Keras"] == "256"
    assert row["Passes run here"] == "64"
    assert row["Engine"] == frozen.engine
    assert row["Engine, ms an image"] == f"{frozen.ms[frozen.engine]:.2f}"
    assert row["Keras, ms an image"] == f"{frozen.ms['keras']:.2f}"
    assert row["Time saved, about"].endswith(" s")
    assert "measured, that and the faster engine saved about" in page.text


def test_the_search_of_an_unfinished_stage_stands_under_that_stage(
    cut_off: Path, tmp_path: Path
) -> None:
    page = Page(tlkit.report(cut_off, tmp_path / "r.html"))
    curve = tlkit.LRCurve.load(cut_off / "stages" / "02-fine-tune" / "curve.json")
    found = f"{curve.suggestion:.2g} is suggested"
    assert f"Learning-rate search of fine-tune: {found}" in page.text
    assert "Learning-rate search of head" not in page.text
    alts = [str(picture["alt"]) for picture in page.all("img")]
    assert f"run: loss by learning rate in the search of fine-tune; {found}" in alts
    row = page.row("training", "fine-tune")
    assert row["Epochs"] == "1 of 3, not finished"
    assert row["Learning rate"] == f"{curve.suggestion:.3g}"
    assert any("fine-tune ends at" in alt for alt in alts), "the figures of its first epoch"


@pytest.mark.slow
def test_a_search_alone_is_shown(cut_off: Path, tmp_path: Path) -> None:
    curve = tlkit.LRCurve.load(cut_off / "stages" / "02-fine-tune" / "curve.json")
    page = Page(tlkit.report({"stage 4": [cut_off, curve], "": curve}, tmp_path / "r.html"))
    found = f"Learning-rate search: {curve.suggestion:.2g} is suggested"
    assert page.text.count(found) == 2
    alone = Page(tlkit.report(curve, tmp_path / "r.html"))
    assert found in alone.text
    assert "#savings" not in [link["href"] for link in alone.all("a")]


def test_a_search_without_an_answer_says_so(tmp_path: Path) -> None:
    rising = tlkit.LRCurve([1e-4, 1e-3, 1e-2], [1.0, 2.0, 3.0])
    page = Page(tlkit.report(rising, tmp_path / "r.html"))
    assert "Learning-rate search: no rate could be chosen" in page.text
    nothing = tlkit.LRCurve([1e-4, 1e-3], [np.nan, np.nan])
    page = Page(tlkit.report(nothing, tmp_path / "r.html"))
    assert "The learning-rate search met no finite loss" in page.text


def test_names_with_html_in_them_are_text(tmp_path: Path) -> None:
    names = [EVIL, "b", "c"]
    found = questionnaire(names)
    named = Evaluation.from_predictions(
        found.y_true, found.probabilities, found.class_names, image_names=[EVIL] * 60
    )
    images = tlkit.ImageDataset.from_arrays(
        np.zeros((60, 16, 16, 3), np.uint8), named.y_true, named.class_names
    )
    root = tmp_path / "run"
    result = tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(),
        stages=[tlkit.Stage(EVIL, epochs=1, learning_rate=0.01)],
        weights=None,
        cache=False,
        run_dir=root,
    ).fit(images, verbose=0)
    work = FrozenWork(60, 60, EVIL, {EVIL: 1.0})
    stages = [dataclasses.replace(x, cut=EVIL, frozen=work) for x in result.stages]
    page = Page(
        tlkit.report(
            {EVIL: root, "memory": dataclasses.replace(result, stages=tuple(stages))},
            tmp_path / "r.html",
            evaluations={EVIL: named, "other": questionnaire(names, 1)},
            dataset=images,
            title=EVIL,
            remarks=[EVIL],
            gains=[Gain(EVIL, "other", EVIL)],
            benchmark=0.99,
        )
    )
    assert len(page.all("script")) == 1, "our own"
    assert all("onerror" not in picture for picture in page.all("img"))
    assert page.text.count(EVIL) >= 20
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv")]
    assert "unsafe" not in str(policy), "a script that slipped in would not run"


@pytest.mark.slow
def test_candidates_are_compared_and_steps_weighed(run_dir: Path, tmp_path: Path) -> None:
    named = {"weak": questionnaire(CLASSES, 1, 0.5), "strong": questionnaire(CLASSES, 2, 4.0)}
    page = Page(
        tlkit.report(
            run_dir, tmp_path / "r.html", evaluations=named, gains=[Gain("weak", "strong", "Why?")]
        )
    )
    (pair,) = tlkit.compare(named).pairs
    assert pair.sentence in page.text
    assert "strong reaches a weighted F1" in page.text
    assert re.search(r"Why\?.*weak.*strong.*\+\d+\.\d.*better", page.text, re.DOTALL)
    close = tlkit.report(run_dir, tmp_path / "r.html", evaluations=named, detail="weak")
    assert "weak reaches a weighted F1" in Page(close).text


def test_headings_are_in_order_and_tables_have_heads(
    trained: tuple[Any, tlkit.ImageDataset], tmp_path: Path
) -> None:
    page = Page(tlkit.report(trained[0], tmp_path / "r.html", dataset=trained[1]))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.tags}
    ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
    targets = [str(a["href"])[1:] for a in page.all("a")]
    assert set(targets) <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_thousands_of_classes_stay_readable_and_say_what_is_left_out(tmp_path: Path) -> None:
    search = tlkit.LRCurve([1e-4, 1e-3, 1e-2], [1.0, 2.0, 3.0])  # which knows no classes
    random = np.random.default_rng(0)
    truth = random.integers(0, 700, 1400)
    rows = np.full((1400, 700), 0.5 / 699)
    rows[np.arange(1400), np.where(random.random(1400) < 0.5, truth, 0)] = 0.5
    found = Evaluation.from_predictions(truth, rows / rows.sum(1, keepdims=True))
    file = tlkit.report(search, tmp_path / "r.html", evaluations=found)
    assert "The 400 classes with a higher F1 are left out here" in Page(file).text
    assert file.stat().st_size < 1_500_000


@pytest.mark.parametrize(
    ("frozen", "told"),
    [
        # 240 passes of 10 ms, and 120 of 2 ms instead.
        (FrozenWork(120, 240, "onnxruntime", {"onnxruntime": 2.0, "keras": 10.0}), "2.2 s"),
        (FrozenWork(120, 240, "keras"), NOTHING),
        *thorough(
            (FrozenWork(200, 240, "keras", {"keras": 5.0}), "0.2 s"),
            (FrozenWork(0, 240, "", {"keras": 5.0}), "1.2 s"),
        ),
    ],
)
def test_frozen_work_is_shown_as_the_stage_counted_it(
    frozen: FrozenWork, told: str, trained: tuple[Any, tlkit.ImageDataset], tmp_path: Path
) -> None:
    (stage,) = trained[0].stages
    counted = dataclasses.replace(trained[0], stages=(dataclasses.replace(stage, frozen=frozen),))
    page = Page(tlkit.report({"a": counted, "b": counted}, tmp_path / "r.html"))
    row = page.row("savings", "head")
    assert row["Passes of plain Keras"] == "240"
    assert row["Passes run here"] == str(frozen.passes)
    assert row["Time saved, about"] == told
    assert row["Engine"] == (frozen.engine or "the store")
    own = frozen.ms.get(frozen.engine)
    assert row["Engine, ms an image"] == (NOTHING if own is None else f"{own:.2f}")
    assert row["Keras, ms an image"] == (f"{frozen.ms['keras']:.2f}" if frozen.ms else NOTHING)
    assert f"480 passes in 2 of 2 stages. Here {2 * frozen.passes} were run" in page.text
    if frozen.seconds_saved is None:
        assert "saved about" not in page.text
    else:
        assert f"saved about {2 * frozen.seconds_saved:.1f} s" in page.text


def test_a_stage_without_a_frozen_part_says_so(tmp_path: Path) -> None:
    data = tlkit.testing.tiny_dataset(images=24)
    stage = tlkit.Stage("all", epochs=1, learning_rate=0.001, policy=tlkit.UnfreezeAll())
    trainer = tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(), stages=[stage], weights=None, cache=False
    )
    page = Page(tlkit.report(trainer.fit(data, verbose=0), tmp_path / "r.html"))
    assert "no frozen part: all of the model was trained" in page.text
    assert "Plain Keras pushes" not in page.text


def test_what_does_not_fit_is_refused(run_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.html"
    found, others = questionnaire(CLASSES), tlkit.testing.tiny_dataset(images=24)
    with pytest.raises(RunDirectoryError, match=r"holds no run\. Give the run_dir"):
        tlkit.report(tmp_path, file)
    with pytest.raises(EvaluationError, match="a report cannot be made of int"):
        tlkit.report(3, file)  # type: ignore[arg-type]
    with pytest.raises(EvaluationError, match="no run in the mapping"):
        tlkit.report({}, file)
    with pytest.raises(EvaluationError, match="benchmark=55: expected a score"):
        tlkit.report(run_dir, file, benchmark=55)
    with pytest.raises(EvaluationError, match="detail='x' is no evaluation; expected one of 'run'"):
        tlkit.report(run_dir, file, evaluations=found, detail="x")
    with pytest.raises(EvaluationError, match="gains names 'x', of which there is no evaluation"):
        tlkit.report(run_dir, file, evaluations=found, gains=[Gain("run", "x", "?")])
    with pytest.raises(EvaluationError, match=r"gains holds \('run', .*expected steps such as"):
        tlkit.report(run_dir, file, gains=[("run", "x", "?")])  # type: ignore[list-item]
    with pytest.raises(EvaluationError, match="remarks='x': expected a list of sentences"):
        tlkit.report(run_dir, file, remarks="x")
    with pytest.raises(EvaluationError, match="the dataset has 24 images and the evaluation 60"):
        tlkit.report(run_dir, file, evaluations=found, dataset=others)
    (run_dir / "stages" / "01-head" / "result.json").write_text("{", "utf-8")
    with pytest.raises(RunDirectoryError, match=r"01-head is damaged: "):
        tlkit.report(run_dir, file)
    assert not file.exists()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(run_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(EvaluationError, match=r"cannot be written to .*taken"):
        tlkit.report(run_dir, folder)
    with pytest.raises(EvaluationError, match=r"cannot be written to .*taken"):
        tlkit.report("no run", folder)  # told before any work
    assert {path.name for path in tmp_path.iterdir()} == {"run", "taken"}


def test_missing_jinja_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, run_dir: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(EvaluationError, match=r"pip install .*tlkit\[report\]"):
        tlkit.report(run_dir, tmp_path / "r.html")
    with pytest.raises(EvaluationError, match="needs jinja2"):
        tlkit.report("no run", tmp_path / "r.html")  # told before any work
