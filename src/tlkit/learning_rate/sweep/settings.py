"""How to train during a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tlkit._keras.fit_types import FitData
from tlkit._keras.types import Callback


@dataclass(frozen=True)
class SweepSettings:
    """How to train during a sweep; the names are those of ``ExponentialLRFinder.find``.

    Args:
        begin_again: Puts the model back to its start; called before each rate. None goes on.
    """

    callbacks: tuple[Callback, ...] = ()
    shuffle: bool = True
    seed: int = 0
    class_weight: Mapping[int, float] | None = None
    validation_data: FitData | None = None
    steps_per_epoch: int | None = None
    verbose: int = 0
    begin_again: Callable[[], None] | None = None
