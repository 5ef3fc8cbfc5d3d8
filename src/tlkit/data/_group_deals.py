"""Groups of images dealt into parts: no group in two, each class in each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream_seed
from tlkit.errors import SplitError

Indices = NDArray[np.int64]

_TRIES = 10


def deal_groups(
    labels: Indices,
    class_names: Sequence[str],
    groups: Indices,
    shares: Sequence[float],
    folds: int,
    *,
    seed: int,
    stratify: bool,
) -> Indices:
    """Deal groups into parts by scikit-learn's StratifiedGroupKFold.

    Where that leaves a part without a class, a small group with that class moves there.

    Args:
        labels: Class numbers, (n,), int64.
        class_names: Names of the classes, for messages.
        groups: Group numbers, (n,), int64.
        shares: Fraction of the images that each part is to have; they sum to 1.
        folds: Number of folds to deal into first, of which parts are made; at least as many.
        seed: Any integer.
        stratify: Keep about the classes' proportions, and each class in each part; else only the
            parts' sizes.

    Returns:
        Number of the part of each image, (n,), int64.

    Raises:
        SplitError: No deal was found in which each part has each class.

    Example:
        >>> deal_groups(np.array([0, 1] * 2), "ab", np.array([0, 0, 1, 1]), [0.5, 0.5], 2,
        ...             seed=0, stratify=True).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
        True
    """
    # With one class for all, it evens out the sizes of the folds, which GroupShuffleSplit does not.
    kinds = labels if stratify else np.zeros_like(labels)
    lacking = 0
    for attempt in range(_TRIES):
        state = stream_seed(seed, "groups", attempt) % 2**32
        fold = _fold_numbers(kinds, groups, folds, state)
        parts = _parts_of_folds(fold, folds, kinds, shares)
        spread, missing = _spread(parts, groups, kinds, len(shares))
        if missing is None:
            return spread
        lacking = missing
    raise SplitError(
        f"{_TRIES} ways to deal the groups into {len(shares)} parts each left a part without an "
        f"image of a class, such as {class_names[lacking]!r}; expected groups that are small "
        "beside the parts, and of few classes each. Take fewer parts, smaller groups or another "
        "seed, or pass stratify=False."
    )


def _fold_numbers(kinds: Indices, groups: Indices, k: int, state: int) -> Indices:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=state)
    fold = np.zeros(len(kinds), np.int64)
    with warnings.catch_warnings():
        # Which class is too small is told by tlkit, by its name.
        warnings.filterwarnings("ignore", "The least populated class in y", UserWarning)
        for number, (_, held_out) in enumerate(splitter.split(kinds, kinds, groups)):
            fold[held_out] = number
    return fold


def _parts_of_folds(fold: Indices, k: int, kinds: Indices, shares: Sequence[float]) -> Indices:
    """Make parts of folds that follow each other, from where and of as many as come nearest.

    A group that is larger than a fold makes folds differ.
    """
    table = np.zeros((k, int(kinds.max()) + 1))
    np.add.at(table, (fold, kinds), 1)
    wanted = np.outer(shares, table.sum(axis=0))
    best, parts = np.inf, np.zeros(k, np.int64)
    for turn in range(k):
        turned = np.roll(table, turn, axis=0)
        for ends in combinations(range(1, k), len(shares) - 1):
            off = np.abs(np.add.reduceat(turned, (0, *ends), axis=0) - wanted).sum()
            if off < best - 1e-9:
                best = off
                parts = np.roll(np.searchsorted(ends, np.arange(k), side="right"), -turn)
    return parts[fold]


def _spread(
    parts: Indices, groups: Indices, kinds: Indices, count: int
) -> tuple[Indices, int | None]:
    """Move groups until each part has each class; return a class that cannot be spread, or None.

    A group moves only where its classes stay in the part that it leaves, so no move undoes another.
    """
    table = np.zeros((int(groups.max()) + 1, int(kinds.max()) + 1), np.int64)
    np.add.at(table, (groups, kinds), 1)
    part_of = np.zeros(len(table), np.int64)
    part_of[groups] = parts
    having = np.zeros((count, table.shape[1]), np.int64)
    np.add.at(having, part_of, table > 0)
    for part, kind in np.argwhere((having == 0) & table.any(axis=0)).tolist():
        if having[part, kind]:  # a group that moved for another class had this one too
            continue
        stays = ((table == 0) | (having[part_of] > 1)).all(axis=1)
        movable = np.flatnonzero(stays & (table[:, kind] > 0))
        if not len(movable):
            return parts, kind
        moved = movable[np.argmin(table[movable].sum(axis=1))]
        having[part_of[moved]] -= table[moved] > 0
        having[part] += table[moved] > 0
        part_of[moved] = part
    return part_of[groups], None
