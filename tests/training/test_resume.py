"""A training that was interrupted and resumed ends as if it had never been interrupted."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tlkit._disk.seals import check_seal
from tlkit.errors import RunDirectoryError, TrainingError
from tlkit.testing import tiny_dataset
from tlkit.training.run_dir.checkpoint import read_checkpoint

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]


class Interrupt(keras.callbacks.Callback):  # type: ignore[misc]
    """Presses Ctrl-C at ``Interrupt.at``, a place such as ``("head", "epoch end", 1)``."""

    at: ClassVar[tuple[str, str, int] | None] = None

    def __init__(self, stage: str) -> None:
        super().__init__()
        self._stage, self._epoch = stage, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop within an epoch."""
        self._stop("batch end", self._epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop before the epoch is written."""
        self._stop("epoch end", epoch)

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Stop after the last epoch, before the stage is."""
        self._stop("train end", self._epoch)

    def _stop(self, place: str, epoch: int) -> None:
        if Interrupt.at == (self._stage, place, epoch):
            Interrupt.at = None
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _no_interruption_left_over() -> Iterator[None]:
    yield
    Interrupt.at = None


def run_with_interruptions(
    make: Any, data: Data, places: list[tuple[str, str, int]]
) -> tlkit.TrainingResult:
    """Train, with Ctrl-C at each place in turn and a resumption after each."""
    for number, place in enumerate(places):
        Interrupt.at = place
        try:
            with pytest.raises(KeyboardInterrupt):
                make().fit(*data, resume=number > 0, verbose=0)
        finally:
            Interrupt.at = None  # else a failure here would interrupt the next test too
        random.seed(number)
        np.random.seed(number)
    result: tlkit.TrainingResult = make().fit(*data, resume=True, verbose=0)
    return result


# In which stage training is cut, when, and in which epoch.
PLACES = [
    ("head", "batch end", 0),
    ("head", "epoch end", 1),
    ("fine", "epoch end", 0),
    ("fine", "batch end", 1),
    ("fine", "epoch end", 2),
    ("fine", "train end", 2),
]


@pytest.mark.parametrize("places", [PLACES[1::2], *thorough(PLACES)], ids=["three", "six"])
def test_interrupted_training_ends_with_the_same_weights(
    parts: Data, tmp_path: Path, places: list[tuple[str, str, int]]
) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        return trainer(
            head_stage(callbacks=(Interrupt("head"),)),
            tlkit.Stage(
                "fine",
                epochs=3,
                learning_rate=keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.5),
                policy=tlkit.GradualUnfreeze(groups=2, every=2),
                batch_size=16,
                augmentation=tlkit.Augmentation(),
                optimizer=partial(keras.optimizers.SGD, momentum=0.9),
                callbacks=(Interrupt("fine"),),
                keep_best="val_loss",
            ),
            run_dir=tmp_path / folder,
            seed=3,
        )

    plain = make("plain").fit(*parts, verbose=0)
    resumed = run_with_interruptions(partial(make, "resumed"), parts, places)
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history
    for before, after in zip(plain.stages, resumed.stages, strict=True):
        assert before.trained_layers == after.trained_layers
        assert (before.best_epoch, before.cut) == (after.best_epoch, after.cut)
    assert resumed.stages[1].notes[0] == "resumed after epoch 3"
    assert keras.saving.load_model(tmp_path / "resumed/model.keras").predict(
        parts[1].load([0, 1], 16).astype("float32"), verbose=0
    ) == pytest.approx(plain.model.predict(parts[1].load([0, 1], 16), verbose=0))


@pytest.mark.slow
def test_search_is_not_repeated_after_an_interruption(parts: Data, tmp_path: Path) -> None:
    def choose(curve: tlkit.LRCurve) -> float:
        searches.lengths.append(len(curve.losses))
        return 0.005

    searches = SimpleNamespace(lengths=[])
    finder = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=5, unit="batch", selector=choose)

    def make() -> tlkit.StagedTrainer:
        stage = head_stage(learning_rate=finder, callbacks=(Interrupt("head"),))
        return trainer(stage, top_stage(callbacks=(Interrupt("top"),)), run_dir=tmp_path / "run")

    places = [("head", "epoch end", 1), ("top", "epoch end", 0)]
    result = run_with_interruptions(make, parts, places)
    assert result.stages[0].learning_rate == 0.005
    assert list(result.curves) == ["head"]
    assert result.curves["head"].learning_rates[-1] == pytest.approx(0.1)
    assert set(searches.lengths) == {5}


@pytest.mark.slow
def test_early_stopping_goes_on_counting_after_an_interruption(parts: Data, tmp_path: Path) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        patient = keras.callbacks.EarlyStopping("loss", min_delta=1000, patience=3)
        stage = head_stage(epochs=9, callbacks=(patient, Interrupt("head")))
        return trainer(stage, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    assert plain.stages[0].epochs == 4
    resumed = run_with_interruptions(
        partial(make, "resumed"), parts, [("head", "epoch end", 2), ("head", "train end", 3)]
    )
    assert resumed.history == plain.history


@pytest.fixture(scope="module")
def run(parts: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one stage."""
    folder: Path = tmp_path_factory.mktemp("runs") / "finished"
    trainer(head_stage(epochs=1), run_dir=folder).fit(*parts, verbose=0)
    return folder


def test_run_directory_says_what_was_done(run: Path) -> None:
    files = sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())
    assert files == [
        "engines.json",
        "model.keras",
        "settings.json",
        "stages/01-head/checkpoint.npz",
        "stages/01-head/result.json",
        "stages/01-head/weights.weights.h5",
    ]
    settings = json.loads((run / "settings.json").read_text())
    assert settings["backbone"] == {"name": "tiny", "distribution": "tlkit"}
    assert settings["head"] == {
        "class": "tlkit.Head",
        "units": [],
        "dropout": 0.2,
        "activation": "relu",
        "output": "auto",
        "cuts": "last",
    }
    (stage,) = settings["stages"]
    assert stage.items() >= {"class": "tlkit.Stage", "name": "head", "epochs": 1}.items()
    assert stage["policy"] == {"class": "tlkit.FreezeAll", "batch_norm": "frozen"}
    assert json.loads((run / "stages/01-head/result.json").read_text())["name"] == "head"


def test_finished_run_is_read_and_not_trained_again(run: Path, parts: Data) -> None:
    written = (run / "stages/01-head/weights.weights.h5").stat().st_mtime_ns
    result = trainer(head_stage(epochs=1), run_dir=run).fit(*parts, resume=True, verbose=0)
    assert (run / "stages/01-head/weights.weights.h5").stat().st_mtime_ns == written
    saved = keras.saving.load_model(run / "model.keras")
    assert same_weights(result.model, saved)


@pytest.mark.parametrize("damage", ["cut short", "another", *thorough("missing", "empty", "flips")])
def test_a_damaged_model_of_a_finished_run_is_written_again(
    run: Path, parts: Data, damage: str
) -> None:
    file = run / "model.keras"
    whole = file.read_bytes()
    random = np.random.default_rng(0)
    flips: list[bytes | None] = []
    for place in [0, len(whole) - 1, len(whole) - 70, *random.integers(0, len(whole), 20).tolist()]:
        flips.append(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
    contents: dict[str, list[bytes | None]] = {
        "missing": [None],
        "cut short": [whole[: len(whole) // 2]],
        "empty": [b""],
        "another": [b"no model" * 100],
        "flips": flips,
    }
    for content in contents[damage]:
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        with pytest.raises((OSError, ValueError)):
            check_seal(file)
    result = trainer(head_stage(epochs=1), run_dir=run).fit(*parts, resume=True, verbose=0)
    assert same_weights(result.model, keras.saving.load_model(file))
    check_seal(file)
    written = file.stat().st_mtime_ns
    trainer(head_stage(epochs=1), run_dir=run).fit(*parts, resume=True, verbose=0)
    assert file.stat().st_mtime_ns == written, "what is sound stays"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Unable to synchronously write (No space left on device)"),
        *thorough(OSError(28, "No space left on device")),
    ],
)
def test_a_full_disk_is_told_whatever_the_writer_raises(
    parts: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(keras.Model, "save_weights", full)
    with pytest.raises(RunDirectoryError, match=r"h5 cannot be written: .*No space .* Free some"):
        trainer(head_stage(epochs=1), run_dir=tmp_path).fit(*parts, verbose=0)


def test_run_that_exists_is_not_overwritten(run: Path, parts: Data) -> None:
    with pytest.raises(RunDirectoryError, match=r"already holds a run. Pass resume=True"):
        trainer(head_stage(epochs=1), run_dir=run).fit(*parts, verbose=0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, r"\n  seed: 0 in the run, 1 given\n"),
        ({"head": tlkit.Head(dropout=0.5)}, r"\n  head.dropout: 0.2 in the run, 0.5 given\n"),
        (
            {"stages": (head_stage(epochs=1, batch_size=8),)},
            r"\n  stages\['head'\].batch_size: 16 in the run, 8 given\n",
        ),
        (
            {"stages": (head_stage(epochs=1, callbacks=(keras.callbacks.TerminateOnNaN(),)),)},
            r"\n  stages\['head'\].callbacks: \(\) in the run, \(TerminateOnNaN\(.*\),\) given\n",
        ),
        ({"preprocessing": "unit"}, r"\n  preprocessing: 'auto' in the run, 'unit' given"),
        ({"image_size": 8}, r"\n  image_size: None in the run, 8 given"),
    ],
)
def test_resuming_with_other_settings_names_what_differs(
    run: Path, parts: Data, change: dict[str, Any], named: str
) -> None:
    settings = dict(change)
    stages = settings.pop("stages", (head_stage(epochs=1),))
    with pytest.raises(RunDirectoryError, match=named) as caught:
        trainer(*stages, run_dir=run, **settings).fit(*parts, resume=True, verbose=0)
    assert str(caught.value).count(" in the run, ") == 1, "just one setting differs"


def test_resuming_with_other_data_names_what_differs(run: Path, parts: Data) -> None:
    train, validation = parts
    other, _ = tiny_dataset(seed=1).split(0.25)
    relabelled = tlkit.ImageDataset.from_arrays(
        train.load(range(len(train)), 16), np.roll(train.labels, 1), train.class_names
    )
    cases: list[tuple[tuple[Any, Any], str]] = [
        ((other, validation), "\n  train.images: sha256 .* in the run"),
        ((relabelled, validation), "\n  train.labels: sha256 .* in the run"),
        ((train, None), "\n  validation: .* in the run, None given"),
    ]
    for (images, held_out), named in cases:
        with pytest.raises(RunDirectoryError, match=named):
            trainer(head_stage(epochs=1), run_dir=run).fit(images, held_out, resume=True, verbose=0)


def test_resuming_without_a_run_directory_is_an_error(parts: Data) -> None:
    with pytest.raises(TrainingError, match=r"resume=True.*run_dir of the run"):
        trainer(head_stage()).fit(*parts, resume=True, verbose=0)


def test_resuming_a_run_that_never_began_begins_it(parts: Data, tmp_path: Path) -> None:
    made = trainer(head_stage(epochs=1), run_dir=tmp_path / "new")
    assert made.fit(*parts, resume=True, verbose=0).stages[0].epochs == 1


def test_folder_that_cannot_be_written_is_named_before_training(
    parts: Data, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunDirectoryError, match=r"cannot be used: .*Give another run_dir"):
            trainer(head_stage(), run_dir=folder).fit(*parts, verbose=0)


@pytest.mark.slow
def test_stage_folder_that_cannot_be_written_is_named(parts: Data, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "stages").write_text("in the way")
    with pytest.raises(RunDirectoryError, match=r"checkpoint.npz cannot be written: .*stages"):
        trainer(head_stage(), run_dir=tmp_path / "run").fit(*parts, verbose=0)


def test_damaged_settings_are_named(parts: Data, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(RunDirectoryError, match=r"cannot be used: .*Give another run_dir"):
        trainer(head_stage(), run_dir=tmp_path).fit(*parts, resume=True, verbose=0)


def test_damaged_checkpoint_is_named(parts: Data, tmp_path: Path) -> None:
    made = partial(
        trainer, head_stage(epochs=3, callbacks=(Interrupt("head"),)), run_dir=tmp_path / "run"
    )
    Interrupt.at = ("head", "epoch end", 1)
    with pytest.raises(KeyboardInterrupt):
        made().fit(*parts, verbose=0)
    checkpoint = tmp_path / "run/stages/01-head/checkpoint.npz"
    assert read_checkpoint(checkpoint)[0].epoch == 1
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunDirectoryError, match=r"checkpoint.npz is damaged: .*Delete it to begin"):
        made().fit(*parts, resume=True, verbose=0)


def with_unseeded_dropout() -> Any:
    """A network whose dropout was given no seed, as in most backbones."""
    image = keras.Input((16, 16, 3))
    kernel = keras.initializers.HeNormal(seed=1)
    x = keras.layers.Conv2D(6, 3, 2, kernel_initializer=kernel, name="conv")(image)
    x = keras.layers.Dropout(0.3, name="drop")(x)
    return keras.Model(image, keras.layers.Conv2D(6, 3, 2, kernel_initializer=kernel)(x))


def test_dropout_without_a_seed_goes_on_after_an_interruption(parts: Data, tmp_path: Path) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        stage = head_stage(policy=tlkit.UnfreezeAll(), epochs=3, callbacks=(Interrupt("head"),))
        return trainer(stage, backbone=with_unseeded_dropout, run_dir=tmp_path / folder, seed=3)

    whole = make("whole").fit(*parts, verbose=0)
    keras.utils.set_random_seed(9)  # which is of no account
    places = [("head", "epoch end", 0), ("head", "batch end", 1)]
    resumed = run_with_interruptions(partial(make, "resumed"), parts, places)
    assert same_weights(whole.model, resumed.model)
