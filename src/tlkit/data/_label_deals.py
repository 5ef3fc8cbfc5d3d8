"""Images with any number of labels dealt out so that each part gets its share of every label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def deal_labels(
    labels: Ints, sizes: Ints, random: np.random.Generator, *, train_first: bool = False
) -> Ints:
    """Deal images into parts of given sizes, by iterative stratification.

    Again and again the label with the fewest images left is taken, and each of these goes to the
    part that still lacks most of that label; none of them is a label too. A part should get
    ``size / n`` of a label's images. An image brings all of its labels, so proportions hold only
    about. Source: K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the Stratification of Multi-Label
    Data", ECML PKDD 2011.

    Args:
        labels: 0 or 1, shape (n, classes).
        sizes: Images of each part, shape (parts,); they sum to n.
        random: What decides between equals.
        train_first: The first part is to train on: it gets labels that are too rare for all parts,
            and each other part at least one image of those that are not.

    Returns:
        The part of each image, (n,), int64.

    Example:
        >>> labels = np.tile([[1, 0], [0, 1], [1, 1], [0, 0]], (25, 1))  # 50 of each label
        >>> part = deal_labels(labels, np.array([75, 25]), np.random.default_rng(0))
        >>> np.bincount(part).tolist(), labels[part == 1].sum(axis=0).tolist()
        ([75, 25], [12, 12])
    """
    labels = np.column_stack([labels, labels.sum(axis=1) == 0])  # none of them is a label too
    order, room = random.permutation(len(labels)), sizes.copy()
    wanted = _wanted(labels.sum(axis=0), sizes, train_first)
    part = np.full(len(labels), -1, np.int64)
    while (left := labels[part < 0].sum(axis=0)).any():
        label = int(np.argmin(np.where(left > 0, left, len(labels) + 1)))
        for image in order[(part[order] < 0) & (labels[order, label] == 1)].tolist():
            # The part with room that lacks most of the label; of equals, the one with most room.
            place = int(np.lexsort((room, wanted[:, label], room > 0))[-1])
            part[image], room[place] = place, room[place] - 1
            wanted[place] -= labels[image]
    return part


def _wanted(counts: Ints, sizes: Ints, train_first: bool) -> NDArray[np.float64]:
    """Return how many images of each label each part should get, (parts, classes)."""
    wanted: NDArray[np.float64] = counts * sizes[:, None] / sizes.sum()
    if train_first:
        enough = counts >= len(sizes)
        wanted[1:] = np.where(enough, np.maximum(wanted[1:], 1), 0)
        wanted[0] = counts - wanted[1:].sum(axis=0)
    return wanted
