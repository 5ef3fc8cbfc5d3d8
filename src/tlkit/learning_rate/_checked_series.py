"""Rows of numbers that make a curve, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tlkit.errors import LearningRateError
from tlkit.learning_rate.selectors.smoothing import Floats


def vector(name: str, values: ArrayLike, length: int | None) -> Floats:
    """Return ``values`` as float64 of shape (length,), or of any length for None."""
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise LearningRateError(f"{name}: expected numbers, got {values!r:.80}.") from error
    if vector.ndim != 1 or len(vector) != (length or len(vector)):
        expected = (
            f"{length} numbers, as many as learning_rates" if length else "one row of numbers"
        )
        raise LearningRateError(f"{name} has shape {vector.shape}; expected {expected}.")
    return vector


def check_rates(rates: Floats) -> None:
    """Refuse no rates, rates that are not above 0, and a rate that occurs twice."""
    if not len(rates):
        raise LearningRateError("learning_rates is empty; a curve has at least one point.")
    wrong = rates[~(np.isfinite(rates) & (rates > 0))]
    if len(wrong):
        raise LearningRateError(f"learning_rates holds {wrong[0]:g}; every rate must be above 0.")
    decades = np.sort(np.log10(rates))
    same = np.flatnonzero(np.diff(decades) <= 0)
    if len(same):
        rate = 10 ** decades[same[0]]
        raise LearningRateError(
            f"learning_rates holds {rate:.6g} twice; average the losses of equal rates first."
        )


def frozen(values: Floats) -> Floats:
    """Return the same array, read-only from now on."""
    values.setflags(write=False)
    return values
