"""Which images go to training, which to validation, and which to a test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream
from tlkit.data._split_checks import check_classes, check_fractions, why_of_parts
from tlkit.errors import SplitError

Indices = NDArray[np.int64]


def split_indices(
    labels: Indices,
    class_names: Sequence[str],
    *,
    validation: float,
    seed: int,
    stratify: bool,
    test: float | None = None,
) -> tuple[Indices, ...]:
    """Part images into training and validation, and a test where that is asked for.

    Validation gets ``round(n * validation)`` images. With ``stratify`` each class gets its share
    of them by largest remainder, and at least one image of every class is in every part, which
    for many tiny classes can make validation larger than asked. A test is dealt with alike.

    Args:
        labels: Class numbers, (n,), int64.
        class_names: Names of the classes, for messages.
        validation: Fraction in (0, 1).
        seed: Any integer.
        stratify: Keep the classes' proportions.
        test: Fraction in (0, 1), or None for two parts.

    Returns:
        Indices of training, of validation, and of the test if there is one, each int64, ascending;
        together every index once.

    Raises:
        SplitError: Not fractions; or a class, or the whole, is too small to be split.

    Example:
        >>> split_indices(np.array([0, 0, 1, 1]), ("a", "b"), validation=0.5, seed=0,
        ...               stratify=True)[1].size
        2
    """
    fractions = check_fractions(validation, test)
    if len(labels) <= len(fractions):
        needed = "two" if test is None else "three"
        raise SplitError(f"Received {len(labels)} images; a split needs at least {needed}.")
    if stratify:
        counts = np.bincount(labels, minlength=len(class_names))
        parts = len(fractions) + 1
        check_classes(counts, class_names, parts, why=why_of_parts(parts))
        dealt = [
            stream(seed, "split", sample=number).permutation(np.flatnonzero(labels == number))
            for number in range(len(class_names))
        ]
        return _parted(len(labels), dealt, _shares(counts, fractions))
    counts = np.array([len(labels)])
    order = stream(seed, "split").permutation(len(labels))
    return _parted(len(labels), [order], _shares(counts, fractions))


def _parted(count: int, dealt: Sequence[Indices], shares: Sequence[Indices]) -> tuple[Indices, ...]:
    """Give each part its share of each class, in the order in which they are dealt out."""
    part_of = np.zeros(count, np.int64)
    for number, members in enumerate(dealt):
        first = 0
        for part, share in enumerate(shares, 1):
            part_of[members[first : first + share[number]]] = part
            first += share[number]
    return tuple(np.flatnonzero(part_of == part) for part in range(len(shares) + 1))


def _shares(counts: Indices, fractions: Sequence[float]) -> list[Indices]:
    """Return how many images of each class each part gets, so that some are left for the rest."""
    shares: list[Indices] = []
    taken = np.zeros_like(counts)
    for place, fraction in enumerate(fractions):
        left = taken + (len(fractions) - place)
        shares.append(validation_counts(counts, fraction, left))
        taken += shares[-1]
    return shares


def validation_counts(counts: Indices, validation: float, left: Indices | int = 1) -> Indices:
    """Share validation among classes by largest remainder, at least one from each.

    Args:
        counts: Images per class, (k,), int64; none has 1 to ``left``.
        validation: Fraction in (0, 1).
        left: How many images of each class are left at least.

    Returns:
        Images of each class for validation, (k,), int64.

    Example:
        >>> validation_counts(np.array([10, 5]), 0.2)
        array([2, 1])
    """
    quotas = counts * validation
    least, most = np.minimum(counts, 1), np.maximum(counts - left, 0)
    shares: Indices = np.clip(np.floor(quotas).astype(np.int64), least, most)
    target = int(np.clip(round(int(counts.sum()) * validation), least.sum(), most.sum()))
    while shares.sum() < target:
        shares[np.argmax(np.where(shares < most, quotas - shares, -np.inf))] += 1
    while shares.sum() > target:
        shares[np.argmax(np.where(shares > least, shares - quotas, -np.inf))] -= 1
    return shares
