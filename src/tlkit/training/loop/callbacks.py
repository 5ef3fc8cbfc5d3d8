"""What the trainer does at the end of every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from tlkit._keras.types import Callback, Logs, Variable
from tlkit.errors import LossNotFiniteError, TrainingError
from tlkit.training.loop._callback_state import (
    callback_arrays,
    callback_state,
    restore_arrays,
    restore_callback,
)
from tlkit.training.run_dir.checkpoint import Progress, values, write_checkpoint

# A second or two of work on a head.
AT_ONCE = 100
# Tracing takes 0.1 to 0.4 s longer, and a step is 3 ms shorter (two cores).
FEW = 100


class EpochKeeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the best weights, write a checkpoint, and stop at a loss that is not finite.

    It comes last in the list of callbacks, so that it sees what the others did.

    Args:
        stage: The stage's name, for messages.
        keep_best: Figure to watch, or None to keep the last epoch.
        larger: Whether that figure is best where it is largest.
        progress: Continued and changed in place.
        others: The callbacks before it, whose state is kept.
        saved: Groups of a checkpoint in whose phase training goes on, else empty.
        weights: Variables of which the best values are kept; all of them are in ``state`` too.
        state: Variables that a checkpoint needs besides the optimizer's.
        best: Values of ``weights`` in the best epoch so far; replaced in place.
        snapshots: What ``best`` was after some numbers of epochs; filled in.
        wanted: Which numbers of epochs these are.
        file: Where checkpoints go, or None for none.
        show: Called with (epochs done, figures) after each epoch.
    """

    def __init__(
        self,
        *,
        stage: str,
        keep_best: str | None,
        larger: bool,
        progress: Progress,
        others: Sequence[Callback],
        saved: dict[str, list[np.ndarray]],
        weights: Sequence[Variable],
        state: Sequence[Variable],
        best: list[np.ndarray],
        snapshots: dict[int, list[np.ndarray]],
        wanted: Sequence[int],
        file: Path | None,
        show: Callable[[int, dict[str, float]], None],
    ) -> None:
        super().__init__()
        self._stage = stage
        self._keep_best, self._larger = keep_best, larger
        self._progress = progress
        self._others = others
        self._saved = saved
        self._state = state
        among = {id(variable): place for place, variable in enumerate(state)}
        self._places = [among[id(weight)] for weight in weights]
        self._best = best
        self._snapshots = snapshots
        self._wanted = wanted
        self._file = file
        self._show = show
        self._started = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Put the counters of the other callbacks back, which have just reset themselves."""
        for callback, state in zip(self._others, self._progress.callbacks, strict=False):
            restore_callback(callback, state)
        restore_arrays(self._others, self._saved)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the figures, keep the best weights, write the checkpoint."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(figures["loss"]):
            raise LossNotFiniteError(not_finite(figures["loss"], epoch, self._stage))
        progress = self._progress
        for name, value in figures.items():
            progress.history.setdefault(name, []).append(value)
        improved = self._improved(figures)
        # Read once for both: that costs as much as writing it. None of these arrays is changed.
        state = values(self._state) if improved or self._file is not None else []
        if improved:
            progress.best_epoch = epoch
            self._best[:] = [state[place] for place in self._places]
        progress.epoch = epoch + 1
        if progress.epoch in self._wanted:
            self._snapshots[progress.epoch] = list(self._best)
            progress.ends[progress.epoch] = progress.best_epoch
        progress.stopped = bool(self.model.stop_training)
        progress.callbacks = [callback_state(callback) for callback in self._others]
        progress.seconds += time.perf_counter() - self._started
        self._write(state)
        self._show(epoch + 1, figures)

    def _improved(self, figures: dict[str, float]) -> bool:
        if self._keep_best is None:
            return True
        if self._keep_best not in figures:
            raise TrainingError(
                f"Stage {self._stage!r}: keep_best={self._keep_best!r}, and its history has "
                f"{', '.join(map(repr, figures))}. Name one of these, or None to keep the last "
                "epoch."
            )
        value = figures[self._keep_best]
        if better(value, self._progress.best_value, larger=self._larger):
            self._progress.best_value = value
            return True
        return False

    def _write(self, state: list[np.ndarray]) -> None:
        if self._file is not None:
            groups = {
                "state": state,
                "optimizer": values(self.model.optimizer.variables),
                "best": self._best,
                **{snapshot_group(n): kept for n, kept in self._snapshots.items()},
                **callback_arrays(self._others),
            }
            write_checkpoint(self._file, self._progress, groups)


def better(value: float, best: float | None, *, larger: bool) -> bool:
    """Return whether a figure is better than the best so far; None before the first."""
    return best is None or math.isnan(best) or (value > best if larger else value < best)


def not_finite(loss: float, epoch: int, stage: str) -> str:
    """Return what to say of a loss that is NaN or infinite in an epoch, from 0."""
    return (
        f"The loss became {loss} in epoch {epoch + 1} of stage {stage!r}. Lower its learning rate, "
        "or search for one with ExponentialLRFinder."
    )


@contextmanager
def appended_logs(callbacks: Sequence[Callback], *, begun: bool) -> Iterator[None]:
    """Let loggers that would begin their file anew go on with it, where a stage was begun."""
    loggers = [x for x in callbacks if isinstance(x, keras.callbacks.CSVLogger) and begun]
    given = [logger.append for logger in loggers]
    for logger in loggers:
        logger.append = True
    try:
        yield
    finally:
        for logger, append in zip(loggers, given, strict=True):
            logger.append = append


def snapshot_group(epochs: int) -> str:
    """Return what the arrays of a snapshot are called in a checkpoint."""
    return f"snapshot {epochs}"


def steps_at_once(steps: int, epochs: int, callbacks: Sequence[Callback]) -> int:
    """Return how many steps may be taken without Python between them (steps_per_execution).

    1 where a callback looks at batches, on backends where it gains nothing or is not offered, and
    for fewer than `FEW` steps in all: to trace the larger function takes longer than it saves.
    Else the largest divisor of an epoch's steps up to `AT_ONCE`: other numbers would run over the
    epoch's end, and Python sees Ctrl-C only between executions.

    Args:
        steps: Of an epoch.
        epochs: How many there are.
        callbacks: The user's.
    """
    offered = keras.backend.backend() == "tensorflow" and steps * epochs >= FEW
    if not offered or any(map(watches_batches, callbacks)):
        return 1
    return max(n for n in range(1, min(steps, AT_ONCE) + 1) if steps % n == 0)


def watches_batches(callback: Callback) -> bool:
    """Return whether a callback has a hook for batches."""
    stock = keras.callbacks.Callback
    hooks = [name for name in vars(stock) if name.startswith("on_") and "_batch_" in name]
    # A LambdaCallback has them as attributes of its own.
    return any(
        getattr(getattr(callback, hook, None), "__func__", None) is not getattr(stock, hook)
        for hook in hooks
    )


def restored_epoch(callbacks: Sequence[Callback], otherwise: int) -> int:
    """Return the epoch whose weights an EarlyStopping put back at the end of training."""
    for callback in callbacks:
        if not getattr(callback, "restore_best_weights", False):
            continue
        if getattr(callback, "best_weights", None) is not None:
            return int(getattr(callback, "best_epoch", otherwise))
    return otherwise
