"""How to train during a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tlkit._keras.fit_types import FitData
from tlkit._keras.types import Callback
from tlkit.learning_rate.sweep.kept import SweepKeeper


@dataclass(frozen=True)
class SweepSettings:
    """How to train during a sweep; the names are those of ``ExponentialLRFinder.find``.

    Args:
        begin_again: Puts the model back to its start; called before each rate. None goes on.
        keeper: Of a search by epoch: keeps how far it is. The data of one that goes on begins
            behind what was trained on.
        kept_values: Returns what is kept of the model.
    """

    callbacks: tuple[Callback, ...] = ()
    shuffle: bool = True
    seed: int = 0
    class_weight: Mapping[int, float] | None = None
    validation_data: FitData | None = None
    steps_per_epoch: int | None = None
    verbose: int = 0
    begin_again: Callable[[], None] | None = None
    keeper: SweepKeeper | None = None
    kept_values: Callable[[], list[np.ndarray]] = list
