"""How far a search by epoch is, so that one that was interrupted can go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tlkit.learning_rate.sweep.measurements import Measurements


@dataclass(frozen=True)
class SweepState:
    """What was measured, and what the model was left with.

    Args:
        losses: Of each rate so far; and so are the next two.
        accuracies: NaN where there is none.
        validation_losses: The same.
        values: Of the model's and the optimizer's variables, in their order.
    """

    losses: Sequence[float]
    accuracies: Sequence[float]
    validation_losses: Sequence[float]
    values: Sequence[np.ndarray]

    @classmethod
    def of(cls, measured: Measurements, values: Sequence[np.ndarray]) -> SweepState:
        """Return the state after the last rate that was measured."""
        return cls(
            tuple(measured.losses),
            tuple(measured.accuracies),
            tuple(measured.validation_losses),
            values,
        )


class SweepKeeper(Protocol):
    """Where a search keeps how far it is."""

    def read(self) -> SweepState | None:
        """Return how far an earlier search came, or None."""
        ...

    def write(self, state: Callable[[], SweepState]) -> None:
        """Keep how far it is after a rate, or leave that to a later one."""
        ...
