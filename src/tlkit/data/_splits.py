"""Which images go to training and which to validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream
from tlkit.errors import SplitError

Indices = NDArray[np.int64]


def split_indices(
    labels: Indices,
    class_names: Sequence[str],
    *,
    validation: float,
    seed: int,
    stratify: bool,
) -> tuple[Indices, Indices]:
    """Part images into training and validation.

    Validation gets ``round(n * validation)`` images. With ``stratify`` each class gets its share
    of them by largest remainder, and at least one image of every class is on both sides, which
    for many tiny classes can make validation larger than asked.

    Args:
        labels: Class numbers, (n,), int64.
        class_names: Names of the classes, for messages.
        validation: Fraction in (0, 1).
        seed: Any integer.
        stratify: Keep the classes' proportions.

    Returns:
        Indices of training and of validation, each int64, ascending; together every index once.

    Raises:
        SplitError: Not a fraction; or a class, or the whole, is too small to be split.

    Example:
        >>> split_indices(np.array([0, 0, 1, 1]), ("a", "b"), validation=0.5, seed=0,
        ...               stratify=True)[1].size
        2
    """
    _check_fraction(validation)
    if len(labels) < 2:
        raise SplitError(f"Received {len(labels)} images; a split needs at least two.")
    if stratify:
        held_out = _stratified(labels, class_names, validation, seed)
    else:
        count = min(max(round(len(labels) * validation), 1), len(labels) - 1)
        held_out = stream(seed, "split").permutation(len(labels))[:count]
    chosen = np.zeros(len(labels), bool)
    chosen[held_out] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _stratified(
    labels: Indices, class_names: Sequence[str], validation: float, seed: int
) -> Indices:
    counts = np.bincount(labels, minlength=len(class_names))
    _check_classes(counts, class_names)
    shares = validation_counts(counts, validation)
    members = [
        stream(seed, "split", sample=number).permutation(np.flatnonzero(labels == number))[:share]
        for number, share in enumerate(shares)
    ]
    held_out: Indices = np.concatenate(members)
    return held_out


def validation_counts(counts: Indices, validation: float) -> Indices:
    """Share validation among classes by largest remainder, one to count - 1 from each.

    Args:
        counts: Images per class, (k,), int64; none is 1.
        validation: Fraction in (0, 1).

    Returns:
        Images of each class for validation, (k,), int64.

    Example:
        >>> validation_counts(np.array([10, 5]), 0.2)
        array([2, 1])
    """
    quotas = counts * validation
    least, most = np.minimum(counts, 1), np.maximum(counts - 1, 0)
    shares: Indices = np.clip(np.floor(quotas).astype(np.int64), least, most)
    target = int(np.clip(round(int(counts.sum()) * validation), least.sum(), most.sum()))
    while shares.sum() < target:
        shares[np.argmax(np.where(shares < most, quotas - shares, -np.inf))] += 1
    while shares.sum() > target:
        shares[np.argmax(np.where(shares > least, shares - quotas, -np.inf))] -= 1
    return shares


def _check_fraction(validation: float) -> None:
    number = isinstance(validation, (float, int, np.floating)) and not isinstance(validation, bool)
    if not (number and 0 < validation < 1):
        raise SplitError(
            f"validation={validation!r}; expected a fraction between 0 and 1, such as 0.2 for "
            "every fifth image."
        )


def _check_classes(counts: Indices, class_names: Sequence[str]) -> None:
    if np.count_nonzero(counts) < 2:
        raise SplitError(
            f"All images are of one class ({class_names[int(np.argmax(counts))]!r}); expected at "
            "least two classes to keep in proportion. Check the labels, or pass stratify=False."
        )
    single = [class_names[number] for number in np.flatnonzero(counts == 1).tolist()]
    if single:
        named = ", ".join(map(repr, single[:5])) + (", ..." if len(single) > 5 else "")
        raise SplitError(
            f"{len(single)} class(es) with one image: {named}. A stratified split needs at least "
            "two of each, one to train on and one to validate. Add images, take the class out "
            "with dataset.subset(...), or pass stratify=False."
        )
