"""Checks of what augmentations are given: numbers and ranges, named in the errors."""

from __future__ import annotations

import math

import numpy as np

from tlkit._numbers import plain
from tlkit.errors import DataError

Range = tuple[float, float]


def check_between(value: object, low: float, high: float, name: str, meaning: str) -> None:
    """Raise where a setting is no number in a range.

    Args:
        value: What was given.
        low: At least.
        high: At most.
        name: Of the setting, with the class before it.
        meaning: What is expected.

    Raises:
        DataError: It is not.
    """
    if not (_is_number(value) and low <= value <= high):  # type: ignore[operator]
        raise DataError(f"{name}={value!r}; expected {meaning}.")


def checked_range(value: object, low: float, high: float, name: str, meaning: str) -> Range:
    """Return two numbers, the smaller first, as Python's own.

    Args:
        value: What was given.
        low: The first is above this.
        high: The second is at most this.
        name: Of the setting, with the class before it.
        meaning: What is expected.

    Raises:
        DataError: They are not two such numbers, or not in order.

    Example:
        >>> checked_range([0.5, 1], 0, 1, "Augmentation crop", "two shares of the area")
        (0.5, 1)
    """
    pair = tuple(map(plain, value)) if isinstance(value, (list, tuple, np.ndarray)) else ()
    if len(pair) == 2 and all(map(_is_number, pair)) and low < pair[0] <= pair[1] <= high:
        return pair[0], pair[1]
    raise DataError(f"{name}={value!r}; expected {meaning}, the smaller first.")


def _is_number(value: object) -> bool:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return number and math.isfinite(value)  # type: ignore[arg-type]
