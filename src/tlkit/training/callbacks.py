"""What the trainer does at the end of every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tlkit.errors import LossNotFiniteError, TrainingError
from tlkit.training.checkpoint import (
    Progress,
    callback_state,
    restore_callback,
    values,
    write_checkpoint,
)


class EpochKeeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the best weights, writes a checkpoint, and stops at a loss that is not finite.

    It comes last in the list of callbacks, so that it sees what the others did.

    Args:
        stage: The stage's name, for messages.
        keep_best: Figure to watch, or None to keep the last epoch.
        progress: Continued and changed in place.
        others: The user's callbacks.
        weights: Variables of which the best values are kept.
        state: Variables that a checkpoint needs besides the optimizer's.
        best: Values of ``weights`` in the best epoch so far; replaced in place.
        file: Where checkpoints go, or None for none.
        show: Called with (epochs done, figures) after each epoch.
    """

    def __init__(
        self,
        *,
        stage: str,
        keep_best: str | None,
        progress: Progress,
        others: Sequence[Any],
        weights: Sequence[Any],
        state: Sequence[Any],
        best: list[np.ndarray],
        file: Path | None,
        show: Callable[[int, dict[str, float]], None],
    ) -> None:
        super().__init__()
        self._stage = stage
        self._keep_best = keep_best
        self._progress = progress
        self._others = others
        self._weights = weights
        self._state = state
        self._best = best
        self._file = file
        self._show = show
        self._started = 0.0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Put the counters of the other callbacks back, which have just reset themselves."""
        for callback, state in zip(self._others, self._progress.callbacks, strict=False):
            restore_callback(callback, state)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the figures, keep the best weights, write the checkpoint."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(figures["loss"]):
            raise LossNotFiniteError(
                f"The loss became {figures['loss']} in epoch {epoch + 1} of stage "
                f"{self._stage!r}. Lower its learning rate, or search for one with "
                "ExponentialLRFinder."
            )
        progress = self._progress
        for name, value in figures.items():
            progress.history.setdefault(name, []).append(value)
        if self._improved(figures):
            progress.best_epoch = epoch
            self._best[:] = values(self._weights)
        progress.epoch = epoch + 1
        progress.stopped = bool(self.model.stop_training)
        progress.callbacks = [callback_state(callback) for callback in self._others]
        progress.seconds += time.perf_counter() - self._started
        self._write()
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
        value, best = figures[self._keep_best], self._progress.best_value
        larger = self._keep_best.endswith("accuracy")
        if best is None or math.isnan(best) or (value > best if larger else value < best):
            self._progress.best_value = value
            return True
        return False

    def _write(self) -> None:
        if self._file is not None:
            groups = {
                "state": values(self._state),
                "optimizer": values(self.model.optimizer.variables),
                "best": self._best,
            }
            write_checkpoint(self._file, self._progress, groups)
