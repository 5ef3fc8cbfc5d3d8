"""One run of many epochs that holds the shorter ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, same_weights, top_stage, trainer
from tests.training.test_resume import Data
from tlkit.errors import TrainingError


def long_and_short(parts: Data, **settings: Any) -> tuple[tlkit.TrainingResult, ...]:
    long = trainer(head_stage(epochs=5, snapshots=(2, 3), **settings)).fit(*parts, verbose=0)
    short = trainer(head_stage(epochs=2, **settings)).fit(*parts, verbose=0)
    return long, short


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{"keep_best": None, "ema": 0.9}, *thorough({}, {"keep_best": "loss"})],
)
def test_a_snapshot_is_what_the_shorter_stage_ends_with(
    parts: Data, settings: dict[str, Any]
) -> None:
    long, short = long_and_short(parts, **settings)
    cut = long.after(2)
    assert same_weights(cut.model, short.model)
    assert cut.history == short.history
    assert cut.stages[-1].best_epoch == short.stages[-1].best_epoch
    assert long.stages[-1].epochs == 5


@pytest.mark.slow
def test_snapshots_of_unfrozen_layers_follow_the_stages_before(parts: Data) -> None:
    both = trainer(head_stage(), top_stage(epochs=3, snapshots=(1,))).fit(*parts, verbose=0)
    short = trainer(head_stage(), top_stage(epochs=1)).fit(*parts, verbose=0)
    assert same_weights(both.after(1).model, short.model)


class _Stop(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends training after the first epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """End it."""
        self.model.stop_training = True


@pytest.mark.slow
def test_a_stage_that_ended_early_would_have_ended_so_too(parts: Data) -> None:
    long, short = long_and_short(parts, callbacks=(_Stop(),))
    assert same_weights(long.after(2).model, short.model)
    assert long.after(3).stages[-1].epochs == 1


class _Press(keras.callbacks.Callback):  # type: ignore[misc]
    """Presses Ctrl-C in the fourth epoch."""

    pressed = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Press it once."""
        if epoch == 3 and not _Press.pressed:
            _Press.pressed = True
            raise KeyboardInterrupt


@pytest.mark.slow
def test_snapshots_survive_an_interruption_and_are_read_again(parts: Data, tmp_path: Path) -> None:
    running = trainer(
        head_stage(epochs=5, snapshots=(2, 3), callbacks=(_Press(),)), run_dir=tmp_path
    )
    with pytest.raises(KeyboardInterrupt):
        running.fit(*parts, verbose=0)
    resumed = running.fit(*parts, resume=True, verbose=0)
    again = running.fit(*parts, resume=True, verbose=0)
    short = trainer(head_stage(epochs=2)).fit(*parts, verbose=0)
    for result in (resumed, again):
        assert same_weights(result.after(2).model, short.model)
        assert result.after(3).stages[-1].epochs == 3


def test_the_model_of_a_snapshot_is_one_of_its_own(parts: Data) -> None:
    result = trainer(head_stage(snapshots=(1,))).fit(*parts, verbose=0)
    one, two = result.after(1).model, result.after(1).model
    one.set_weights([weight * 0 for weight in one.get_weights()])
    assert not same_weights(one, two)
    assert same_weights(result.after(1).model, two)


def test_what_cannot_be_a_snapshot(parts: Data) -> None:
    for wrong in ((2,), (0,), (1, 1), (1.5,)):
        with pytest.raises(TrainingError, match="expected different numbers from 1 to 1"):
            head_stage(snapshots=wrong)
    with pytest.raises(TrainingError, match="depends on the number of epochs"):
        head_stage(snapshots=(1,), learning_rate=tlkit.WarmupCosine(peak=0.01))
    with pytest.raises(TrainingError, match="'head' has snapshots and is not the last, 'top'"):
        trainer(head_stage(snapshots=(1,)), top_stage())
    result = trainer(head_stage(snapshots=(1,))).fit(*parts, verbose=0)
    with pytest.raises(TrainingError, match=r"only after \[1\]"):
        result.after(2)
