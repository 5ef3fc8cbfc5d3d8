"""What can be parted: checks of fractions and of classes, before anything is parted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import counted
from tlkit.errors import SplitError

_SHOWN = 5


def check_fractions(validation: float, test: float | None) -> tuple[float, ...]:
    """Return the fractions that are held out.

    Raises:
        SplitError: One is no fraction, or they leave nothing to train on.

    Example:
        >>> check_fractions(0.2, None)
        (0.2,)
    """
    given = {"validation": validation} if test is None else {"validation": validation, "test": test}
    for name, fraction in given.items():
        number = isinstance(fraction, (float, int, np.floating)) and not isinstance(fraction, bool)
        if not (number and 0 < fraction < 1):
            raise SplitError(
                f"{name}={fraction!r}; expected a fraction between 0 and 1, such as 0.2 for "
                "every fifth image."
            )
    held_out = sum(given.values())
    if held_out > 1 - 1e-9:
        raise SplitError(
            f"validation={validation} and test={test} sum to {held_out:g} and leave nothing to "
            "train on; expected less than 1 together, such as validation=0.15, test=0.15."
        )
    return tuple(given.values())


def class_counts(
    labels: NDArray[np.int64], groups: NDArray[np.int64] | None, classes: int
) -> NDArray[np.int64]:
    """Return how many images each class has, or in how many groups it has one, (k,), int64.

    Example:
        >>> class_counts(np.array([0, 0, 1]), np.array([5, 5, 5]), 2)
        array([1, 1])
    """
    if groups is not None:
        labels = np.unique(np.stack([labels, groups]), axis=1)[0]
    return np.bincount(labels, minlength=classes)


def check_classes(
    counts: NDArray[np.int64],
    class_names: Sequence[str],
    needed: int,
    *,
    why: str,
    unit: str = "image",
) -> None:
    """Raise where there are not two classes, or one of them is too small.

    Args:
        counts: Images or groups of each class, (k,).
        class_names: Names of the classes.
        needed: How many of each class there must be.
        why: Says so, and what else could be done, in a message.
        unit: What is counted.

    Raises:
        SplitError: A class has fewer, but for one that has none.
    """
    if np.count_nonzero(counts) < 2:
        raise SplitError(
            f"All images are of one class ({class_names[int(np.argmax(counts))]!r}); expected at "
            "least two classes to keep in proportion. Check the labels, or pass stratify=False."
        )
    few = [class_names[n] for n in np.flatnonzero((counts > 0) & (counts < needed)).tolist()]
    if few:
        named = ", ".join(map(repr, few[:_SHOWN])) + (", ..." if len(few) > _SHOWN else "")
        fewer = f"one {unit}" if needed == 2 else f"fewer than {counted(needed, unit)}"
        raise SplitError(
            f"{len(few)} class(es) with {fewer}: {named}. {why} Add images, take the class out "
            "with dataset.subset(...), or pass stratify=False."
        )


def why_of_parts(parts: int) -> str:
    """Say how many of each class a stratified split needs."""
    if parts == 2:
        return "A stratified split needs at least two of each, one to train on and one to validate."
    return (
        "A stratified split into three needs at least three of each, one to train on, one to "
        "validate and one to test."
    )


def check_sample(n: int, images: int, classes: int) -> None:
    """Raise where so many images cannot be drawn.

    Args:
        n: How many are asked for.
        images: How many there are.
        classes: How many are drawn at least.

    Raises:
        SplitError: It is no whole number in between.
    """
    whole = isinstance(n, (int, np.integer)) and not isinstance(n, bool)
    if not whole or not classes <= n <= images or n < 1:
        raise SplitError(
            f"n={n!r}; expected a whole number from {max(classes, 1)}, one image of each class, to "
            f"{images}, all there are. Take subset(...) for other images."
        )
