"""Splits and folds of images with any number of labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream
from tlkit.data._folds import check_k, fold_indices
from tlkit.data._group_splits import split_groups
from tlkit.data._label_deals import deal_labels
from tlkit.data._splits import split_indices

Ints = NDArray[np.int64]
_SHOWN = 6


def label_parts(
    labels: Ints,
    groups: Ints | None,
    *,
    validation: float,
    test: float | None,
    seed: int,
    stratify: bool,
) -> tuple[Ints, ...]:
    """Part images into training, validation and perhaps a test.

    Args:
        labels: 0 or 1, shape (n, classes).
        groups: Group numbers, (n,); images of one group are in one part. None without groups.
        validation: Fraction in (0, 1).
        test: Fraction in (0, 1), or None for two parts.
        seed: Any integer.
        stratify: Keep the labels' proportions; without groups only.

    Returns:
        Indices of each part, int64, ascending; together every index once.

    Raises:
        SplitError: Not fractions; or too few images or groups.
    """
    one, names = np.zeros(len(labels), np.int64), ("",)
    plain = {"validation": validation, "test": test, "seed": seed}
    if groups is not None:
        return split_groups(one, names, groups, **plain, stratify=False)  # type: ignore[arg-type]
    parts = split_indices(one, names, **plain, stratify=False)  # type: ignore[arg-type]
    if not stratify:
        return parts
    sizes = np.array([len(part) for part in parts])
    part_of = deal_labels(labels, sizes, stream(seed, "split"), train_first=True)
    return tuple(np.flatnonzero(part_of == part) for part in range(len(parts)))


def label_folds(
    labels: Ints, k: int, groups: Ints | None, *, seed: int, stratify: bool
) -> list[tuple[Ints, Ints]]:
    """Part images into k folds.

    Args:
        labels: 0 or 1, shape (n, classes).
        k: Number of folds.
        groups: As for `label_parts`, and so are the others.
        seed: Any integer.
        stratify: Keep the labels' proportions; without groups only.

    Returns:
        For each fold the indices of training and of validation, int64, ascending.

    Raises:
        SplitError: k is no number of folds, or there are too few images or groups.
    """
    one = np.zeros(len(labels), np.int64)
    if groups is not None or not stratify:
        return fold_indices(one, ("",), k, groups=groups, seed=seed, stratify=False)
    check_k(k, one, None)
    sizes = np.full(k, len(labels) // k)
    sizes[: len(labels) % k] += 1
    fold = deal_labels(labels, sizes, stream(seed, "folds"))
    return [(np.flatnonzero(fold != part), np.flatnonzero(fold == part)) for part in range(k)]


def unseen_labels(
    labels: Ints, class_names: Sequence[str], parts: Iterable[tuple[str, Ints]]
) -> str | None:
    """Return a line on labels that a part has no image of; None where each has one of each.

    Args:
        labels: 0 or 1, shape (n, classes).
        class_names: Names of the classes.
        parts: What to call each, and its indices.
    """
    lacking: dict[str, list[str]] = {}
    for part, indices in parts:
        none = (labels.sum(axis=0) > 0) & (labels[indices].sum(axis=0) == 0)
        if none.any():
            lacking.setdefault(part, [class_names[n] for n in np.flatnonzero(none).tolist()])
    told = [
        f"{part} has no image of {', '.join(map(repr, names[:_SHOWN]))}"
        f"{f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''}"
        for part, names in lacking.items()
    ]
    if not told:
        return None
    return f"Too few images of some labels: {'; '.join(told)}. Add images, or leave labels out."
