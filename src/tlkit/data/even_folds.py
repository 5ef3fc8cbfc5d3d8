"""Folds with the classes as even as they can be, for what is to work on any labelled images."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream_seed
from tlkit.data._folds import check_k
from tlkit.data._groups import group_numbers
from tlkit.errors import SplitError

Indices = NDArray[np.int64]


def even_folds(
    labels: Indices, k: int, *, groups: Iterable[object] | None = None, seed: int
) -> Indices:
    """Deal images into folds; a fold may lack a class that has fewer images or groups than folds.

    Args:
        labels: Class numbers, (n,), int64.
        k: Number of folds.
        groups: One value for each image; images of one group are in one fold.
        seed: Any integer.

    Returns:
        Number of each image's fold, (n,), int64, from 0.

    Raises:
        SplitError: There are fewer images or groups than folds, or each class has; or groups are
            such that a fold is left empty.

    Example:
        >>> np.bincount(even_folds(np.array([0, 0, 0, 0, 1, 1, 2]), 3, seed=0)).tolist()
        [3, 2, 2]
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    known = None if groups is None else group_numbers(groups, len(labels))
    check_k(k, labels, known)
    if np.bincount(labels).max() < k:
        raise SplitError(
            f"No class has {k} images, which {k} folds with even classes need; the largest has "
            f"{np.bincount(labels).max()}. Take fewer folds, or add images."
        )
    splitter = StratifiedKFold if known is None else StratifiedGroupKFold
    folds = np.zeros(len(labels), np.int64)
    with warnings.catch_warnings():
        # Which classes are too small is told by the caller, by their names.
        warnings.filterwarnings("ignore", "The least populated class in y", UserWarning)
        state = stream_seed(seed, "even folds") % 2**32
        parts = splitter(k, shuffle=True, random_state=state).split(labels, labels, known)
        for number, (_, held_out) in enumerate(parts):
            folds[held_out] = number
    if not np.bincount(folds, minlength=k).all():
        raise SplitError(
            f"Groups are so uneven that one of {k} folds would be empty. Take fewer folds, or "
            "smaller groups."
        )
    return folds
