"""The probability from which an image is given a label: one for all labels, or one for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

# One for all labels, one for each in their order, or by their names.
Thresholds: TypeAlias = "float | Sequence[float] | Mapping[str, float]"


def checked_thresholds(
    given: Thresholds, class_names: Sequence[str], error: Callable[[str], Exception]
) -> tuple[float, ...]:
    """Return a threshold for each label.

    Args:
        given: As people say it.
        class_names: The labels, in order.
        error: Which error to raise.

    Raises:
        Exception: The error; a value is no number in 0..1, or they do not fit the labels.

    Example:
        >>> checked_thresholds({"dog": 0.3, "cat": 0.6}, ("cat", "dog"), ValueError)
        (0.6, 0.3)
    """
    values: Any = given
    if isinstance(given, Mapping):
        if set(given) != set(class_names):
            raise error(
                f"thresholds are of {', '.join(map(repr, list(given)[:6]))}; expected one for each "
                f"of {', '.join(map(repr, class_names[:6]))}{', ...' * (len(class_names) > 6)}."
            )
        values = [given[name] for name in class_names]
    try:
        plain = np.asarray(values)  # where truth values and text would become numbers in silence
        found = np.full(1, np.nan) if plain.dtype.kind in "bUS" else plain.astype(np.float64)
    except (TypeError, ValueError):
        found = np.full(1, np.nan)
    if found.ndim == 0:
        found = np.full(len(class_names), float(found))
    if found.shape != (len(class_names),) or not ((found >= 0) & (found <= 1)).all():
        raise error(
            f"thresholds={given!r}; expected a number in 0..1, or one for each of the "
            f"{len(class_names)} labels, in their order or by name."
        )
    return tuple(found.tolist())
