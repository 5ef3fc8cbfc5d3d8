"""Folds: the images parted into k, each of which validates once; scikit-learn deals them out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream_seed
from tlkit.data._group_deals import deal_groups
from tlkit.data._split_checks import check_classes, class_counts
from tlkit.errors import SplitError

Indices = NDArray[np.int64]


def fold_indices(
    labels: Indices,
    class_names: Sequence[str],
    k: int,
    *,
    groups: Indices | None = None,
    seed: int,
    stratify: bool,
) -> list[tuple[Indices, Indices]]:
    """Part images into k folds.

    Args:
        labels: Class numbers, (n,), int64.
        class_names: Names of the classes, for messages.
        k: Number of folds.
        groups: Group numbers, (n,), int64; images of one group are in one fold.
        seed: Any integer.
        stratify: Keep the classes' proportions, with each class in each fold.

    Returns:
        For each fold the indices of training and of validation, int64, ascending.

    Raises:
        SplitError: k is no number of folds; or there are fewer images, groups, or images or groups
            of a class than folds.

    Example:
        >>> folds = fold_indices(np.array([0, 1] * 3), ("a", "b"), 3, seed=0, stratify=True)
        >>> [validation.size for train, validation in folds]
        [2, 2, 2]
    """
    check_k(k, labels, groups)
    k = int(k)
    if stratify:
        why = (
            f"{k} folds that keep the classes in proportion need at least {k} of each: take fewer."
        )
        check_classes(
            class_counts(labels, groups, len(class_names)),
            class_names,
            k,
            why=why,
            unit="image" if groups is None else "group",
        )
    if groups is None:
        fold = _fold_numbers(labels, k, seed, stratify)
    else:
        fold = deal_groups(
            labels, class_names, groups, [1 / k] * k, k, seed=seed, stratify=stratify
        )
    return [(np.flatnonzero(fold != part), np.flatnonzero(fold == part)) for part in range(k)]


def _fold_numbers(labels: Indices, k: int, seed: int, stratify: bool) -> Indices:
    from sklearn.model_selection import KFold, StratifiedKFold

    state = stream_seed(seed, "folds") % 2**32
    splitter = (StratifiedKFold if stratify else KFold)(k, shuffle=True, random_state=state)
    fold = np.zeros(len(labels), np.int64)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels)):
        fold[held_out] = number
    return fold


def check_k(k: int, labels: Indices, groups: Indices | None) -> None:
    """Raise where images or groups cannot be parted into k folds.

    Raises:
        SplitError: k is no number of folds, or there are fewer.
    """
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 2:
        raise SplitError(f"k={k!r}; expected a whole number of folds, at least 2, such as 5.")
    if len(labels) < k:
        raise SplitError(
            f"Received {len(labels)} images for {k} folds; expected at least one for each fold. "
            "Take fewer folds."
        )
    if groups is not None and (found := len(np.unique(groups))) < k:
        raise SplitError(
            f"Received {found} groups for {k} folds; expected at least one for each fold, as the "
            "images of a group stay together. Take fewer folds, or smaller groups."
        )
