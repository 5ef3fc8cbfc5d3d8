"""Callbacks see the whole model and are used as they are: the user's, and all of Keras's."""

from __future__ import annotations

import inspect
import threading
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.errors import TrainingError
from tlkit.inference.contract import read_contract

C = keras.callbacks


class Looks(keras.callbacks.Callback):  # type: ignore[misc]
    """A user's callback: holds a lock, collects lists, and asks the model about images."""

    def __init__(self, data: tlkit.ImageDataset, seen: list[Any]) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.images = data.load(range(len(data)), 16)
        self.labels = data.labels
        self.figures: list[float] = []
        self.seen = seen

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Predict and evaluate images."""
        with self.lock:
            told = self.model.evaluate(self.images, self.labels, verbose=0, return_dict=True)
            guessed = self.model.predict(self.images, verbose=0)
            self.figures.append(float(told["accuracy"]))
            self.seen.append((epoch, told, dict(logs), guessed, self.model))


def test_a_callback_asks_the_model_about_images_and_saves_one_that_takes_them(
    parts: Data, tmp_path: Path
) -> None:
    looks, file = Looks(parts[1], []), tmp_path / "{epoch}.keras"
    stage = top_stage(callbacks=(looks, C.ModelCheckpoint(file)), keep_best=None)
    result = trainer(stage).fit(*parts, verbose=0)
    assert result.stages[0].cut is not None, "there was no tail to be told from the whole model"
    for epoch, told, logs, guessed, _ in looks.seen:
        assert told["loss"] == pytest.approx(logs["val_loss"], abs=1e-5)
        assert told["accuracy"] == pytest.approx(logs["val_accuracy"])
        saved = keras.saving.load_model(tmp_path / f"{epoch + 1}.keras")
        assert read_contract(tmp_path / f"{epoch + 1}.keras") == result.contract
        assert np.abs(saved.predict(looks.images, verbose=0) - guessed).max() < 1e-5
        assert saved.optimizer.iterations == 3 * (epoch + 1)
    assert len(looks.figures) == len(looks.seen) == 2
    assert looks.seen[-1][-1] is not result.model
    assert not result.model.compiled, "the trained model was saved with an optimizer"
    plain = trainer(top_stage(keep_best=None)).fit(*parts, verbose=0)
    assert same_weights(plain.model, result.model)


class Stops(keras.callbacks.Callback):  # type: ignore[misc]
    """Asks for an end, and changes weights and rate, through ``self.model``."""

    def __init__(self, *, between_batches: bool) -> None:
        super().__init__()
        if between_batches:
            self.on_train_batch_end = self._stop

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Halve the rate."""
        self.model.optimizer.learning_rate = 0.005

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop after the first epoch."""
        self.rate = float(self.model.optimizer.learning_rate)
        self._stop()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Leave weights that are known."""
        self.model.set_weights([np.full_like(x, 0.5) for x in self.model.get_weights()])

    def _stop(self, *_: Any, **__: Any) -> None:
        self.model.stop_training = True


@pytest.mark.parametrize("between_batches", [False, *thorough(True)])
def test_a_callback_stops_and_steers_the_training_through_the_model_that_it_sees(
    between_batches: bool, parts: Data
) -> None:
    stops = Stops(between_batches=between_batches)
    stage = head_stage(
        epochs=3, policy=tlkit.UnfreezeAll("train"), callbacks=(stops,), keep_best=None
    )
    result = trainer(stage).fit(*parts, verbose=0)
    assert result.stages[0].epochs == 1
    assert stops.rate == pytest.approx(0.005)
    assert all((np.asarray(w) == 0.5).all() for w in result.model.weights)


def collecting(folder: Path, parts: Data, looks: list[Looks], old: bool) -> tlkit.StagedTrainer:
    """A trainer whose callback collects; the one of before, or a new one."""
    if not old or not looks:
        looks.append(Looks(parts[1], []))
    stage = head_stage(epochs=3, callbacks=(looks[-1], Interrupt("head")))
    return trainer(stage, run_dir=folder)


@pytest.mark.parametrize("old", [True, *thorough(False)], ids=["same object", "new object"])
def test_what_a_callback_collects_goes_on_after_an_interruption(
    old: bool, parts: Data, tmp_path: Path
) -> None:
    looks: list[Looks] = []
    make = partial(collecting, tmp_path / "run", parts, looks, old)
    result = run_with_interruptions(make, parts, [("head", "epoch end", 1)])
    expected = result.history["head"]["val_accuracy"]
    assert looks[-1].figures == pytest.approx(expected)
    assert len(looks) == (1 if old else 2)


def every_callback(folder: Path) -> dict[str, Any]:
    """Each callback of Keras by its name, as a function that makes it."""
    arguments: dict[str, Any] = {
        "BackupAndRestore": {"backup_dir": str(folder / "backup")},
        "CSVLogger": {"filename": str(folder / "log.csv")},
        "EarlyStopping": {"monitor": "loss", "patience": 1, "restore_best_weights": True},
        "LambdaCallback": {"on_epoch_end": lambda epoch, logs: None},  # noqa: ARG005
        "LearningRateScheduler": {"schedule": lambda epoch, rate: rate * 0.9**epoch},
        "ModelCheckpoint": {"filepath": str(folder / "best.keras"), "save_best_only": True},
        "ReduceLROnPlateau": {"monitor": "loss", "patience": 1, "min_delta": 9.0},
        "TensorBoard": {"log_dir": str(folder / "board"), "histogram_freq": 1},
    }
    kinds = dict(inspect.getmembers(C, inspect.isclass))
    return {name: partial(kind, **arguments.get(name, {})) for name, kind in kinds.items()}


REFUSED = {
    "BackupAndRestore": "Give the trainer a run_dir",
    "CallbackList": "Give the callbacks themselves",
    "SwapEMAWeights": "ema=0.99",
}
# These want what is not here: a server, a package.
ELSEWHERE = {"RemoteMonitor", "OrbaxCheckpoint"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_served_is_refused_before_training(
    name: str, parts: Data, tmp_path: Path
) -> None:
    stage = head_stage(callbacks=(every_callback(tmp_path)[name](),))
    with pytest.raises(TrainingError, match=f"{name} .*{REFUSED[name]}"):
        trainer(stage).fit(*parts, verbose=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*log.csv:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*log.csv:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("old", [True, False], ids=["same object", "new object"])
@pytest.mark.parametrize("name", sorted({*every_callback(Path())} - {*REFUSED} - ELSEWHERE))
def test_every_callback_of_keras_works_and_an_interruption_makes_no_difference(
    name: str, old: bool, parts: Data, tmp_path: Path
) -> None:
    def make(folder: str, kept: list[Any]) -> tlkit.StagedTrainer:
        if not old or not kept:
            kept.append(every_callback(tmp_path / folder)[name]())
        stage = top_stage(epochs=4, callbacks=(kept[-1], Interrupt("top")), keep_best=None)
        return trainer(stage, run_dir=tmp_path / folder / "run")

    (tmp_path / "plain").mkdir()
    (tmp_path / "split").mkdir()
    plain = make("plain", []).fit(*parts, verbose=0)
    places = [("top", "epoch end", 1), ("top", "batch end", 2)]
    split = run_with_interruptions(partial(make, "split", []), parts, places)
    assert same_weights(plain.model, split.model)
    assert plain.history == split.history


def test_every_callback_of_keras_is_accounted_for(tmp_path: Path) -> None:
    told = {"Callback", "CSVLogger", "EarlyStopping", "History", "LambdaCallback"}
    told |= {"LearningRateScheduler", "ModelCheckpoint", "ProgbarLogger", "ReduceLROnPlateau"}
    told |= {"TensorBoard", "TerminateOnNaN", *REFUSED, *ELSEWHERE}
    assert set(every_callback(tmp_path)) <= told, "a new callback of Keras: does it work here?"
