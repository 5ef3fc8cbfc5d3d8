"""Labels as people give them -> class numbers and class names."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import DataError

Error = Callable[[str], DataError]


def encode_labels(
    values: Iterable[object], *, where: Callable[[int], str], error: Error = DataError
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Give labels numbers, by their sorted distinct values.

    Args:
        values: One label per image: text, or whole numbers.
        where: Names the place of a label in a message, for example ``"row 3"``.
        error: Which error to raise.

    Returns:
        Class numbers, (n,), int64; and the class names, sorted (numbers by value), as text.

    Raises:
        DataError: A label is missing, empty, or neither text nor a whole number; text and
            numbers are mixed; or there are fewer than two classes.

    Example:
        >>> encode_labels([40, 10, 40], where="row {}".format)
        (array([1, 0, 1]), ('10', '40'))
    """
    clean = [_clean(value, index, where, error) for index, value in enumerate(values)]
    kinds = {type(value) for value in clean}
    if len(kinds) > 1:
        raise error(
            "Labels are a mix of text and whole numbers; expected one kind. "
            "Turn them all into text, for example df['label'].astype(str)."
        )
    distinct = sorted(set(clean))
    names = check_class_names([str(value) for value in distinct], error)
    number = {value: index for index, value in enumerate(distinct)}
    return np.array([number[value] for value in clean], np.int64), names


def number_labels(values: Iterable[object], class_names: tuple[str, ...]) -> NDArray[np.int64]:
    """Give labels numbers, by a given list of classes.

    Args:
        values: One label per image: a name in the list, or a position in it.
        class_names: The classes, in order.

    Returns:
        Class numbers, (n,), int64.

    Raises:
        DataError: A label is not in the list.

    Example:
        >>> number_labels(["dog", "cat"], ("cat", "dog"))
        array([1, 0])
    """
    where = "label of image {}".format
    clean = [_clean(value, index, where, DataError) for index, value in enumerate(values)]
    number: dict[str | int, int] = {name: index for index, name in enumerate(class_names)}
    number.update({index: index for index in range(len(class_names))})
    unknown = [index for index, value in enumerate(clean) if value not in number]
    if unknown:
        first = unknown[0]
        raise DataError(
            f"{where(first)} is {clean[first]!r}; expected a whole number from 0 to "
            f"{len(class_names) - 1}, or one of the {len(class_names)} class_names: "
            f"{_some(class_names)}. {len(unknown)} labels are not; correct them or class_names."
        )
    return np.array([number[value] for value in clean], np.int64)


def check_class_names(names: Sequence[str], error: Error = DataError) -> tuple[str, ...]:
    """Check that class names are text, distinct, and at least two.

    Args:
        names: Class names in order.
        error: Which error to raise.

    Returns:
        The names.

    Raises:
        DataError: They are not.

    Example:
        >>> check_class_names(["cat", "dog"])
        ('cat', 'dog')
    """
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise error(f"Class names {_some(names)}: expected text, none of it empty.")
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise error(f"Class names appear more than once: {_some(twice)}. Give each class its own.")
    if len(names) < 2:
        received = f"one class ({names[0]!r})" if names else "no class"
        raise error(
            f"Received {received}; a classifier needs at least two. "
            "Add images of a second class, or check which label is read."
        )
    return tuple(names)


def is_missing(value: object) -> bool:
    """Return whether a table's cell is empty: None, NaN, or a missing-value mark of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _clean(value: object, index: int, where: Callable[[int], str], error: Error) -> str | int:
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        raise error(
            f"{where(index)} has an empty label ({value!r}); expected text or a whole number. "
            "Fill it in or drop the row."
        )
    if isinstance(value, (str, bool, np.bool_)):
        return str(value)
    try:
        return operator.index(cast("SupportsIndex", value))
    except TypeError:
        raise error(
            f"{where(index)} has the label {value!r} ({type(value).__name__}); expected text or a "
            "whole number. Convert the labels, for example with .astype(int)."
        ) from None


def _some(names: Sequence[object]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown}, ..." if len(names) > 5 else shown
