"""Callbacks of Keras in the stages: what they do, and that an interruption makes no difference."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import AtEpoch, head_stage, same_weights, top_stage, trainer
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.training.loop import callbacks as callbacks_of_tlkit
from tlkit.training.loop.callbacks import steps_at_once
from tlkit.training.run_dir.checkpoint import read_checkpoint


class Steps(keras.callbacks.Callback):  # type: ignore[misc]
    """A user's callback: counts the steps of all epochs into the class, by stage."""

    def __init__(self, stage: str, seen: list[tuple[str, int]]) -> None:
        super().__init__()
        self.stage, self.steps = stage, 0
        self.seen = seen

    def __deepcopy__(self, memo: Any) -> Steps:
        return Steps(self.stage, self.seen)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Count."""
        self.steps += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the count."""
        self.seen.append((self.stage, self.steps))


def wreck(model: Any) -> None:
    """Make the weights of the head useless, so that the figures get worse."""
    kernel = model.get_layer("probabilities").kernel
    kernel.assign(kernel * 0 + 50.0 * (1.0 + keras.ops.arange(3, dtype="float32")))


def patient(folder: Path) -> tlkit.StagedTrainer:
    """A stage that EarlyStopping ends in its fourth epoch, with the weights of the second."""
    callbacks = (
        AtEpoch(1, wreck),
        keras.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True),
        Interrupt("head"),
    )
    stage = head_stage(epochs=9, learning_rate=1e-3, callbacks=callbacks, keep_best=None)
    return trainer(stage, run_dir=folder)


@pytest.fixture(scope="module")
def stopped(parts: Data, tmp_path_factory: pytest.TempPathFactory) -> tlkit.TrainingResult:
    """The result of `patient` without an interruption."""
    folder: Path = tmp_path_factory.mktemp("stopped")
    return patient(folder / "run").fit(*parts, verbose=0)


@pytest.mark.slow
def test_early_stopping_leaves_the_best_weights_that_it_restored(
    stopped: tlkit.TrainingResult, parts: Data
) -> None:
    (stage,) = stopped.stages
    assert (stage.epochs, stage.best_epoch) == (4, 1)
    two = head_stage(epochs=2, learning_rate=1e-3, keep_best=None, callbacks=(AtEpoch(1, wreck),))
    assert same_weights(trainer(two).fit(*parts, verbose=0).model, stopped.model)


@pytest.mark.slow
@pytest.mark.parametrize(
    "places",
    [[("head", "batch end", 2)], [("head", "epoch end", 3), ("head", "train end", 3)]],
    ids=["before the end", "at the end"],
)
def test_early_stopping_restores_the_same_weights_after_an_interruption(
    places: Any, stopped: tlkit.TrainingResult, parts: Data, tmp_path: Path
) -> None:
    resumed = run_with_interruptions(partial(patient, tmp_path / "run"), parts, places)
    assert same_weights(stopped.model, resumed.model)
    assert stopped.history == resumed.history
    assert stopped.stages[0].best_epoch == resumed.stages[0].best_epoch


@pytest.mark.slow
def test_best_weights_of_early_stopping_are_in_the_checkpoint(parts: Data, tmp_path: Path) -> None:
    Interrupt.at = ("head", "batch end", 1)
    with pytest.raises(KeyboardInterrupt):
        patient(tmp_path / "run").fit(*parts, verbose=0)
    (file,) = (tmp_path / "run").rglob("checkpoint.npz")
    _, groups = read_checkpoint(file)
    kept = groups["callback 2 best_weights"]
    assert [array.shape for array in kept] == [array.shape for array in groups["best"]]


@pytest.mark.slow
def test_plateau_lowers_the_rate_and_a_resumed_run_goes_on_with_it(
    parts: Data, tmp_path: Path
) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        plateau = keras.callbacks.ReduceLROnPlateau(
            "val_loss", 0.5, patience=1, min_delta=1000, cooldown=1
        )
        return trainer(
            head_stage(epochs=4, callbacks=(plateau, Interrupt("head"))), run_dir=tmp_path / folder
        )

    plain = make("plain").fit(*parts, verbose=0)
    rates = plain.history["head"]["learning_rate"]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.0025])
    places = [("head", "epoch end", 2), ("head", "batch end", 3)]
    resumed = run_with_interruptions(partial(make, "split"), parts, places)
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history


# Keras closes the file at the end of training, which Ctrl-C takes from it.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*log.csv:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*log.csv:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("append", [False, *thorough(True)])
def test_csv_log_holds_every_epoch_of_a_stage_once(
    append: bool, parts: Data, tmp_path: Path
) -> None:
    def make() -> tlkit.StagedTrainer:
        log = keras.callbacks.CSVLogger(tmp_path / "log.csv", append=append)
        policy = tlkit.GradualUnfreeze(groups=2, every=2)
        stage = head_stage(epochs=3, policy=policy, callbacks=(Interrupt("head"), log))
        return trainer(stage, run_dir=tmp_path / "run")

    result = run_with_interruptions(make, parts, [("head", "batch end", 1)])
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert [float(row["loss"]) for row in rows] == pytest.approx(result.history["head"]["loss"])


@pytest.mark.slow
def test_callbacks_of_the_user_act_in_their_stage_and_go_on_after_an_interruption(
    parts: Data, tmp_path: Path
) -> None:
    seen: list[tuple[str, int]] = []

    def make() -> tlkit.StagedTrainer:
        head = head_stage(callbacks=(Steps("head", seen), Interrupt("head")))
        return trainer(head, top_stage(callbacks=(Steps("top", seen),)), run_dir=tmp_path / "run")

    run_with_interruptions(make, parts, [("head", "batch end", 1)])
    assert seen == [("head", 3), ("head", 6), ("top", 3), ("top", 6)]


@pytest.mark.slow
def test_tensorboard_writes_a_log_of_every_stage(parts: Data, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="Keras writes TensorBoard's files with TensorFlow")
    pytest.importorskip("tensorboard")
    one, two = (keras.callbacks.TensorBoard(tmp_path / name) for name in ("one", "two"))
    stages = head_stage(callbacks=(one,)), top_stage(callbacks=(two,), layer_decay=0.5)
    trainer(*stages).fit(*parts, verbose=0)
    assert all(list((tmp_path / name).rglob("events*")) for name in ("one", "two"))


@pytest.mark.slow
def test_model_checkpoint_writes_models_that_keras_loads(parts: Data, tmp_path: Path) -> None:
    saver = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    stage = top_stage(
        learning_rate=tlkit.WarmupCosine(0.01), layer_decay=0.5, ema=0.9, callbacks=(saver,)
    )
    trainer(stage).fit(*parts, verbose=0)
    for epoch in (1, 2):
        saved = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        rates = sorted(float(one.learning_rate) for one in saved.optimizer.optimizers)
        assert rates[0] == pytest.approx(rates[1] / 2)


class Watching(keras.callbacks.Callback):  # type: ignore[misc]
    """A user's callback that looks at batches, and so makes Keras come back after each."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look."""


@pytest.mark.slow
def test_steps_without_python_between_them_train_the_same_weights(
    parts: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_of_tlkit, "FEW", 1)
    stages = [head_stage(epochs=3, batch_size=4, callbacks=c) for c in ((), (Watching(),))]
    at_once, one_by_one = (trainer(stage).fit(*parts, verbose=0) for stage in stages)
    assert same_weights(at_once.model, one_by_one.model)
    assert at_once.history == one_by_one.history


@pytest.mark.parametrize(
    ("steps", "epochs", "callback", "expected"),
    [
        (39, 3, keras.callbacks.EarlyStopping("loss"), 39),
        (39, 2, keras.callbacks.EarlyStopping("loss"), 1),
        (1061, 1, keras.callbacks.TerminateOnNaN(), 1),
        (1062, 1, keras.callbacks.CSVLogger("log.csv"), 59),
        (39, 9, Watching(), 1),
        (39, 9, keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_: None), 1),
        (39, 9, keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: None), 39),
    ],
)
def test_steps_taken_at_once_divide_an_epoch_and_are_worth_it(
    steps: int, epochs: int, callback: Any, expected: int
) -> None:
    on_tensorflow = keras.backend.backend() == "tensorflow"
    assert steps_at_once(steps, epochs, [callback]) == (expected if on_tensorflow else 1)
