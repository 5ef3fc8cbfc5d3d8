"""Some of the pictures, then twice as many, until it is all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlkit._seeds import stream
from tlkit.data.dataset import ImageDataset
from tlkit.data.deals import Ints, deals
from tlkit.errors import SplitError

# The first round has at least so many pictures, and so many of each class on average.
FEWEST, OF_A_CLASS = 200, 10


@dataclass(frozen=True, eq=False)
class Round:
    """Pictures with their folds.

    Args:
        data: The pictures.
        folds: Number of each picture's fold, int64 ``(n,)``.
    """

    data: ImageDataset
    folds: Ints

    def __len__(self) -> int:
        return len(self.data)


def rounds_of(
    data: ImageDataset, folds: int, groups: Sequence[object] | None, seed: int
) -> tuple[Round, ...]:
    """Return rounds of more and more pictures, those of one in the next; the last has all.

    Its folds are those of `tlkit.probe`. A round whose pictures cannot be dealt into folds, as
    their groups or classes are too few, is left out.

    Raises:
        SplitError: All pictures together cannot be dealt into folds.
    """
    rounds = [Round(data, deals(data, folds, 1, groups, seed)[0])]
    order = nested_order(data.labels, seed)
    present = len(np.unique(data.labels))
    size = len(data) // 2
    while size >= max(FEWEST, OF_A_CLASS * present):
        chosen = np.sort(order[:size])
        part = data.subset(chosen)
        inside = None if groups is None else [groups[place] for place in chosen]
        try:
            rounds.insert(0, Round(part, deals(part, folds, 1, inside, seed)[0]))
        except SplitError:
            break  # and fewer pictures could not be dealt either
        size //= 2
    return tuple(rounds)


def nested_order(labels: Ints, seed: int) -> Ints:
    """Return an order of pictures of which every beginning has the classes in proportion.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 1, 1])
        >>> sorted(labels[nested_order(labels, seed=0)[:3]].tolist())
        [0, 0, 1]
    """
    places = np.empty(len(labels))
    for number in np.unique(labels):
        members = stream(seed, "nested", sample=int(number)).permutation(
            np.flatnonzero(labels == number)
        )
        # In the middle of each of as many parts of the whole.
        places[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(places, kind="stable")
