"""Groups of images that stay together, as people give them -> group numbers."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import counted, one_line
from tlkit.data._text import alike
from tlkit.data.labels import is_missing
from tlkit.errors import SplitError


def group_numbers(groups: Iterable[object], count: int) -> NDArray[np.int64]:
    """Give groups numbers, in the order in which they first appear.

    Args:
        groups: One value for each image, text or a whole number: a patient, a product.
        count: Number of images.

    Returns:
        Group numbers from 0, (n,), int64.

    Raises:
        SplitError: They are not one for each image; one is missing, or neither text nor a whole
            number; text and numbers are mixed; or two groups look alike.

    Example:
        >>> group_numbers(["b", "a", "b"], 3)
        array([0, 1, 0])
    """
    values = [_clean(value, place) for place, value in enumerate(_listed(groups, count))]
    if len({type(value) for value in values}) > 1:
        raise SplitError(
            "Groups are a mix of text and whole numbers; expected one kind, as 7 and '7' would be "
            "two groups. Turn them all into text, for example [str(x) for x in groups]."
        )
    for same in alike([value for value in values if isinstance(value, str)]):
        raise SplitError(
            f"Groups {', '.join(map(ascii, same))} look alike and would be on two sides; expected "
            "names that differ to the eye. Give the images of one group one name."
        )
    number = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return np.array([number[value] for value in values], np.int64)


def _listed(groups: Iterable[object], count: int) -> list[object]:
    if isinstance(groups, (str, bytes)) or not isinstance(groups, Iterable):
        raise SplitError(
            f"groups={groups!r}; expected one value for each of the {counted(count, 'image')}, "
            "such as the column table['patient'] of the table that the images come from."
        )
    values = list(groups)
    if len(values) != count:
        raise SplitError(
            f"Received {len(values)} groups for {counted(count, 'image')}; expected one value for "
            "each image, in the order of dataset.names. Choose a subset's as its images were."
        )
    return values


def _clean(value: object, place: int) -> str | int:
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        raise SplitError(
            f"Image {place} (counted from 0) has no group ({value!r}); expected one for each "
            "image. Give an image that belongs to no other a group of its own."
        )
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)  # a column of numbers that once had gaps
    try:
        return operator.index(cast("SupportsIndex", value))
    except TypeError:
        raise SplitError(
            f"Image {place} (counted from 0) has the group {one_line(repr(value), 60)} "
            f"({type(value).__name__}); expected text or a whole number. Put several columns "
            "together as text first, such as table['clinic'] + '_' + table['patient']."
        ) from None
