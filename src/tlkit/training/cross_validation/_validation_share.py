"""Which images of a training validate it, so that the held-out fold has no part in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream

Ints = NDArray[np.int64]


def validation_places(labels: Ints, groups: Ints | None, share: float, seed: int) -> Ints:
    """Return the places of a share of images, with the classes in proportion, int64, ascending.

    Groups, or single images, are laid in a row, class by class and by chance within a class; every
    ``1 / share``-th of them is taken, the first by chance. So each class gives its share or one
    more or fewer, and a class of few images none or one, as chance has it. A group is of its most
    frequent class. What would leave a class without a training image stays with those.

    Args:
        labels: Class numbers, (n,); or 0 or 1 for each label, (n, classes), which are then taken
            by chance alone.
        groups: Group numbers, (n,), or None where each image is its own.
        share: Of the groups or images, in (0, 1).
        seed: Any integer.

    Example:
        >>> places = validation_places(np.array([0, 1] * 20), None, 0.2, seed=0)
        >>> np.bincount(np.array([0, 1] * 20)[places]).tolist()
        [4, 4]
    """
    random = stream(seed, "validation share")
    unit = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    kinds = labels if labels.ndim == 1 else np.zeros(len(labels), np.int64)
    table = np.zeros((int(unit.max()) + 1, int(kinds.max()) + 1), np.int64)
    np.add.at(table, (unit, kinds), 1)
    order = random.permutation(len(table))
    order = order[np.argsort(table[order].argmax(axis=1), kind="stable")]
    share = max(share, 1 / len(table))
    passed = np.floor(np.arange(len(table) + 1) * share + random.random())
    taken = np.zeros(len(table), bool)
    taken[order] = np.diff(passed) > 0
    left = table[~taken].sum(axis=0) > 0
    taken &= ~(table[:, ~left] > 0).any(axis=1)
    return np.flatnonzero(taken[unit])
