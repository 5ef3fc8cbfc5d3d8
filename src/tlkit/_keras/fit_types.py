"""What ``fit`` is asked of and what it takes, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from numpy.typing import ArrayLike

from tlkit._keras.types import Model, Optimizer, Variable


class CompiledModel(Model, Protocol):
    """A ``keras.Model`` that was compiled: it has an optimizer and can be trained."""

    stop_training: bool
    steps_per_execution: int
    train_step: Callable[..., Any]

    @property
    def optimizer(self) -> Optimizer:
        """What takes the steps."""

    @property
    def compiled(self) -> bool:
        """Whether it was compiled after all."""

    @property
    def built(self) -> bool:
        """Whether it has its weights."""

    @property
    def metrics_variables(self) -> Sequence[Variable]:
        """What its metrics count in."""

    def compute_metrics(self, x: object, y: object, y_pred: object) -> Any:
        """Count a batch in the metrics."""

    def reset_metrics(self) -> None:
        """Begin to count anew."""

    def train_on_batch(self, *batch: object, **settings: object) -> Any:
        """Take one step."""

    def test_on_batch(self, *batch: object, **settings: object) -> Any:
        """Return what a batch gives, and change nothing."""


class Batches(Protocol):
    """A ``keras.utils.PyDataset``."""

    @property
    def num_batches(self) -> int | None:
        """How many; None without an end."""

    def __getitem__(self, index: int, /) -> Any:
        """Return a batch: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""

    def on_epoch_end(self) -> None:
        """Prepare the next pass."""


class SizedBatches(Batches, Protocol):
    """A ``keras.utils.PyDataset`` of known length."""

    def __len__(self) -> int: ...


# Batches that ``fit`` takes; and with them arrays, tuples, lists and dicts of such.
FitBatches = Batches | Iterable[object]
FitData = ArrayLike | FitBatches
