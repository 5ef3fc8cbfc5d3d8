"""Positions in a dataset, as people give them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.errors import DataError


def as_position(index: object, count: int) -> int:
    """Check the position of one image; negative ones count from the end.

    Args:
        index: A whole number.
        count: Number of images in the dataset.

    Returns:
        The position, from 0 to count - 1.

    Raises:
        IndexError: There is no such image.
        DataError: It is no whole number.

    Example:
        >>> as_position(-1, 3)
        2
    """
    if not isinstance(index, (int, np.integer)) or isinstance(index, bool):
        raise DataError(
            f"dataset[{index!r}]: expected a whole number, for one image. Take several with "
            "dataset.subset(...), or their pixels at one size with dataset.load(indices, size)."
        )
    if not -count <= index < count:
        raise IndexError(
            f"dataset[{index}]: expected a position from 0 to {count - 1}, as there are {count} "
            "images."
        )
    return int(index) % count


def as_positions(indices: ArrayLike, count: int) -> NDArray[np.int64]:
    """Check positions in a dataset.

    Args:
        indices: Whole numbers from 0 to count - 1; or one truth value per image.
        count: Number of images in the dataset.

    Returns:
        Positions, (n,), int64.

    Raises:
        DataError: They are something else, or out of range.

    Example:
        >>> as_positions([True, False, True], 3)
        array([0, 2])
    """
    given = np.asarray(indices)
    if given.dtype == bool and given.shape == (count,):
        return np.flatnonzero(given)
    if given.shape == (0,):
        return np.zeros(0, np.int64)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise DataError(
            f"Received indices of type {given.dtype} and shape {given.shape}; expected a list "
            f"of whole numbers from 0 to {count - 1}, or {count} truth values."
        )
    if given.min() < 0 or given.max() >= count:
        raise DataError(
            f"Received indices from {given.min()} to {given.max()}; expected 0 to "
            f"{count - 1}, as the dataset has {count} images."
        )
    return given.astype(np.int64)
