"""Which settings of a search are refused, each with what to do instead."""

from __future__ import annotations

import math

from tlkit._numbers import is_number, is_whole
from tlkit.errors import LearningRateError


def check_range(low: float, high: float) -> None:
    """Refuse rates between which no sweep can rise."""
    for name, rate in (("min_lr", low), ("max_lr", high)):
        if not (is_number(rate) and rate > 0 and math.isfinite(rate)):
            raise LearningRateError(f"{name}={rate!r}: expected a finite number above 0.")
    if low >= high:
        raise LearningRateError(f"min_lr={low!r} is not below max_lr={high!r}; swap or widen them.")


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse what is not a whole number, ``least`` or more."""
    if not is_whole(value, least):
        raise LearningRateError(f"{name}={value!r}: expected a whole number, {least} or more.")


def check_factor(name: str, value: object) -> None:
    """Refuse what is no number above 0, but for None."""
    if value is not None and not (is_number(value) and value > 0):
        raise LearningRateError(f"{name}={value!r}: expected a number above 0, or None.")
