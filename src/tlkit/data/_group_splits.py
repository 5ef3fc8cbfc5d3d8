"""Splits that keep the images of a group together: a patient, a product, a burst of a camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit.data._group_deals import deal_groups
from tlkit.data._split_checks import check_classes, check_fractions, class_counts, why_of_parts
from tlkit.errors import SplitError

Indices = NDArray[np.int64]
_MOST_FOLDS = 20


def split_groups(
    labels: Indices,
    class_names: Sequence[str],
    groups: Indices,
    *,
    validation: float,
    seed: int,
    stratify: bool,
    test: float | None = None,
) -> tuple[Indices, ...]:
    """Part images into training, validation and perhaps a test, no group on two sides.

    They are dealt into folds, of which each part gets as many as come nearest to its fraction.

    Args:
        labels: Class numbers, (n,), int64.
        class_names: Names of the classes, for messages.
        groups: Group numbers, (n,), int64.
        validation: Fraction in (0, 1), which the split comes near to.
        seed: Any integer.
        stratify: Keep about the classes' proportions, and each class in every part.
        test: Fraction in (0, 1), or None for two parts.

    Returns:
        Indices of each part, int64, ascending; together every index once.

    Raises:
        SplitError: Not fractions; or there are too few groups, of a class or of all.

    Example:
        >>> labels, groups = np.array([0, 1] * 4), np.array([0, 0, 1, 1, 2, 2, 3, 3])
        >>> train, held_out = split_groups(
        ...     labels, ("a", "b"), groups, validation=0.25, seed=0, stratify=True)
        >>> len(held_out), len(set(groups[held_out]))
        (2, 1)
    """
    fractions = check_fractions(validation, test)
    parts, found = len(fractions) + 1, len(np.unique(groups))
    if found < parts:
        raise SplitError(
            f"Received {found} group(s) for {parts} parts; expected at least one for each part, as "
            "the images of a group stay together. Give smaller groups, or leave groups out."
        )
    most = min(_MOST_FOLDS, found)
    if stratify:
        of_each = class_counts(labels, groups, len(class_names))
        check_classes(of_each, class_names, parts, why=why_of_parts(parts), unit="group")
        most = min(most, int(np.bincount(labels).max()))
    shares = [*fractions, 1 - sum(fractions)]
    folds = _number_of_folds(fractions, most)
    part_of = deal_groups(labels, class_names, groups, shares, folds, seed=seed, stratify=stratify)
    held_out = [np.flatnonzero(part_of == part) for part in range(len(fractions))]
    return np.flatnonzero(part_of == len(fractions)), *held_out


def _number_of_folds(fractions: Sequence[float], most: int) -> int:
    """Return the least number of folds of which some come near to each fraction."""

    def off(k: int) -> float:
        return round(sum(abs(max(1, round(k * part)) / k - part) for part in fractions), 2)

    return min(range(len(fractions) + 1, most + 1), key=lambda k: (off(k), k))
