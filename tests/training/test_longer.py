"""A stage that is made longer on resume ends as if it had been that long from the start."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tests.training.test_resume import Data, Interrupt
from tlkit.errors import RunDirectoryError
from tlkit.training import read_run

Stages = Callable[[int], tuple[tlkit.Stage, ...]]


def two_stages(epochs: int) -> tuple[tlkit.Stage, ...]:
    """A head, and a top whose rate a callback lowers."""
    plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=9.0)
    return head_stage(epochs=1), top_stage(epochs=epochs, callbacks=(plateau,))


def averaged(epochs: int) -> tuple[tlkit.Stage, ...]:
    """Averaged weights, fresh augmentation, a metric, a snapshot, the last epoch kept."""
    return (
        top_stage(
            epochs=epochs,
            ema=0.9,
            augmentation=tlkit.Augmentation(rotation=10),
            metrics=[keras.metrics.AUC()],
            snapshots=(1,),
            keep_best=None,
        ),
    )


def gradual(epochs: int) -> tuple[tlkit.Stage, ...]:
    """Phases of two epochs, a schedule that goes on through them, mixed images."""
    decay = keras.optimizers.schedules.PiecewiseConstantDecay([4, 8], [0.01, 0.005, 0.001])
    policy = tlkit.GradualUnfreeze(groups=3, every=2)
    mix = functools.partial(keras.layers.MixUp, alpha=0.2)
    return (head_stage(epochs=epochs, policy=policy, learning_rate=decay, mix=mix),)


def middle(curve: tlkit.LRCurve) -> float:
    """The rate in the middle, whatever the losses are."""
    return float(curve.learning_rates[len(curve.losses) // 2])


def searched(epochs: int) -> tuple[tlkit.Stage, ...]:
    """A rate that is searched for, and an end that a callback asks for."""
    finder = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=5, unit="batch", selector=middle)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=3)
    return (head_stage(epochs=epochs, learning_rate=finder, callbacks=(stop,)),)


def interrupted(epochs: int) -> tuple[tlkit.Stage, ...]:
    """A stage that Ctrl-C ends in its second epoch the first time."""
    return (head_stage(epochs=epochs, callbacks=(Interrupt("head"),)),)


@pytest.mark.parametrize(
    "stages",
    [
        two_stages,
        *(pytest.param(x, marks=pytest.mark.slow) for x in (averaged, gradual, searched)),
        pytest.param(interrupted, marks=pytest.mark.slow),
    ],
    ids=lambda stages: stages.__name__,
)
def test_a_longer_stage_ends_as_one_that_was_never_shorter(
    stages: Stages, parts: Data, tmp_path: Path
) -> None:
    if stages is interrupted:
        Interrupt.at = ("head", "batch end", 1)
        with pytest.raises(KeyboardInterrupt):
            trainer(*stages(2), run_dir=tmp_path).fit(*parts, verbose=0)
    else:
        short = trainer(*stages(2), run_dir=tmp_path).fit(*parts, verbose=0)
        assert short.stages[-1].epochs == 2
    longer = trainer(*stages(4), run_dir=tmp_path).fit(*parts, resume=True, verbose=0)
    plain = trainer(*stages(4)).fit(*parts, verbose=0)
    assert same_weights(longer.model, plain.model)
    assert longer.history == plain.history
    assert longer.stages[-1].best_epoch == plain.stages[-1].best_epoch
    saved = read_run(tmp_path)
    assert saved.stages[-1].epochs == 4
    assert same_weights(keras.saving.load_model(saved.model), plain.model)
    if stages is averaged:
        assert same_weights(longer.after(1).model, plain.after(1).model)


def changed(stages: tuple[tlkit.Stage, ...], number: int, **settings: Any) -> list[tlkit.Stage]:
    """Stages of which one has other settings."""
    found = list(stages)
    found[number] = replace(found[number], **settings)
    return found


@pytest.fixture(scope="module")
def finished(parts: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch at a constant rate and one at a rate that follows from the length."""
    folder: Path = tmp_path_factory.mktemp("finished")
    trainer(*TWO, run_dir=folder).fit(*parts, verbose=0)
    return folder


TWO = (head_stage(epochs=1), top_stage(epochs=1, learning_rate=tlkit.WarmupCosine(0.01)))


@pytest.mark.parametrize(
    ("number", "settings", "told"),
    [
        (0, {"epochs": 2}, "stage 'top' has begun from where it ended. Give epochs=1"),
        (1, {"epochs": 2}, r"WarmupCosine\(.* follows from the number of steps"),
        (1, {"epochs": 2, "batch_size": 8}, r"epochs: 1 in the run, 2 given\n.*batch_size"),
    ],
)
def test_what_cannot_be_made_longer_is_told_and_left_as_it_was(
    number: int, settings: Any, told: str, finished: Path, parts: Data
) -> None:
    before = {file: file.read_bytes() for file in finished.rglob("*") if file.is_file()}
    asked = trainer(*changed(TWO, number, **settings), run_dir=finished)
    with pytest.raises(RunDirectoryError, match=told):
        asked.fit(*parts, resume=True, verbose=0)
    assert {f: f.read_bytes() for f in finished.rglob("*") if f.is_file()} == before


def test_a_finished_stage_without_its_checkpoint_tells_how_to_train_on(
    parts: Data, tmp_path: Path
) -> None:
    stage = head_stage(epochs=1)
    trainer(stage, run_dir=tmp_path).fit(*parts, verbose=0)
    (file,) = tmp_path.rglob("checkpoint.npz")
    file.unlink()
    with pytest.raises(RunDirectoryError, match=r"is gone, as in runs of earlier .*start_from="):
        trainer(replace(stage, epochs=2), run_dir=tmp_path).fit(*parts, resume=True, verbose=0)
    again = trainer(stage, run_dir=tmp_path).fit(*parts, resume=True, verbose=0)
    assert again.stages[0].epochs == 1
