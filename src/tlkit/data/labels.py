"""Labels as people give them -> class numbers and class names."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from tlkit.data._text import alike, printable
from tlkit.errors import DataError

Error = Callable[[str], DataError]
Where = Callable[[int], str]

_SHOWN = 6
# Of more different numbers nobody makes a class each.
_CLASSES = 50

FOR_A_TEST_SET = (
    "A test set may lack classes of its training set: pass class_names=train.class_names."
)


def encode_labels(
    values: Iterable[object], *, where: Where, error: Error = DataError
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
    clean = clean_labels(values, where, error)
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


def check_class_names(names: Sequence[str], error: Error = DataError) -> tuple[str, ...]:
    """Check that class names are text, distinct also to the eye, and at least two.

    Args:
        names: Class names in order.
        error: Which error to raise.

    Returns:
        The names, with what is no text in them escaped.

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
    for group in alike(names):
        raise error(
            f"Class names {', '.join(map(ascii, group))} look alike; expected names that differ to "
            "the eye. Give the images of one class one name, or tell the classes apart by theirs."
        )
    if len(names) < 2:
        received = f"one class ({names[0]!r})" if names else "no class"
        raise error(
            f"Received {received}; a classifier needs at least two. "
            f"Add images of a second class, or check which label is read. {FOR_A_TEST_SET}"
        )
    return tuple(map(printable, names))


def is_missing(value: object) -> bool:
    """Return whether a table's cell is empty: None, NaN, or a missing-value mark of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def clean_labels(values: Iterable[object], where: Where, error: Error) -> list[str | int]:
    """Return labels as text or as whole numbers; else raise, with the place of the first."""
    every = list(values)
    for index, value in enumerate(every):
        if is_missing(value) or (isinstance(value, str) and not value.strip()):
            raise error(
                f"{where(index)} has an empty label ({value!r}); expected text or a whole number. "
                "Fill it in or drop the row."
            )
    clean: list[str | int] = []
    for index, value in enumerate(every):
        if isinstance(value, (str, bool, np.bool_)):
            clean.append(str(value))
        elif hasattr(value, "__index__"):
            clean.append(operator.index(cast("SupportsIndex", value)))
        else:
            raise error(
                f"{where(index)} has the label {value!r} ({type(value).__name__}); expected text "
                f"or a whole number. {_way_out(every)}"
            )
    return clean


def _way_out(values: Sequence[object]) -> str:
    """Return how labels that are neither text nor whole numbers become classes."""
    if any(isinstance(x, (list, tuple, set, frozenset, np.ndarray)) for x in values):
        return "Images with any number of labels are a tlkit.MultiLabelDataset."
    numbers = sorted({float(x) for x in values if isinstance(x, (float, np.floating))})
    if not numbers:
        return "Turn each into text, for example with .astype(str)."
    if all(number.is_integer() for number in numbers):
        return "Convert the labels, for example with .astype(int)."
    shown = ", ".join(f"{number:.4g}" for number in numbers[:_SHOWN])
    if len(numbers) <= _CLASSES:
        return (
            f"If each of {shown}{', ...' * (len(numbers) > _SHOWN)} is a class, make text of the "
            "labels, for example with .astype(str); whole numbers would make one class of several."
        )
    return (
        f"There are {len(numbers)} different numbers ({shown}, ...), which look like a quantity: "
        "make classes of ranges, for example with pandas.cut, and text of those."
    )


def _some(names: Sequence[object]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown}, ..." if len(names) > 5 else shown
