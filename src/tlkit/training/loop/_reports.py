"""How far a search or a training is, between the ends of its epochs too."""

from __future__ import annotations

import time
from collections.abc import Mapping

import keras

from tlkit._keras.types import Logs
from tlkit._progress import Reporter, Silent
from tlkit.training.stage import Stage

# No more often than a person can see.
_EVERY_S = 0.2


class SearchReport(keras.callbacks.Callback):  # type: ignore[misc]
    """Show each rate that a search by epoch has tried.

    Args:
        reporter: Where to show them.
        rates: How many there are.
        epochs: For each rate.
    """

    def __init__(self, reporter: Reporter, rates: int, epochs: int = 1) -> None:
        super().__init__()
        self._reporter, self._rates, self._epochs = reporter, rates, epochs

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Show the loss of one rate."""
        self._tell((epoch + 1) / self._epochs, logs or {})

    def _tell(self, done: float, logs: Logs) -> None:
        self._reporter.step("rates", done, self._rates, _loss(logs))


class BatchSearchReport(SearchReport):
    """Show each rate that a search by batch has tried."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Show the loss of one rate."""
        self._tell(batch + 1, logs or {})


class StepReport(keras.callbacks.Callback):  # type: ignore[misc]
    """Show how far an epoch is, whose steps take long.

    Args:
        reporter: Where to show it.
        stage: What is trained.
        steps: Of an epoch.
    """

    def __init__(self, reporter: Reporter, stage: Stage, steps: int) -> None:
        super().__init__()
        self._reporter, self._stage, self._steps = reporter, stage, steps
        self._epoch, self._shown = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Begin to count its steps."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Show the share of the epoch that is done, unless that was shown just now."""
        now = time.monotonic()
        if now - self._shown < _EVERY_S or batch + 1 >= self._steps:
            return
        self._shown = now
        done = round(self._epoch + (batch + 1) / self._steps, 2)
        self._reporter.step(self._stage.name, done, self._stage.epochs, _loss(logs or {}))


def step_reports(reporter: Reporter, stage: Stage, *, steps: int, at_once: int) -> list[StepReport]:
    """Return what shows the steps of a stage, where they are taken one by one and are looked at.

    Args:
        reporter: Where to show them.
        stage: What is trained.
        steps: Of an epoch.
        at_once: How many are taken without Python between them.
    """
    wanted = at_once == 1 and not isinstance(reporter, Silent)
    return [StepReport(reporter, stage, steps)] if wanted else []


def show_epoch(reporter: Reporter, stage: Stage, done: int, figures: Mapping[str, float]) -> None:
    """Show the figures of an epoch that has ended."""
    text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
    reporter.step(stage.name, done, stage.epochs, text)


def _loss(logs: Logs) -> str:
    return f"loss {logs.get('loss', float('nan')):.4f}"
