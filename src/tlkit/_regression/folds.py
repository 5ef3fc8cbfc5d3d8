"""Pictures parted into folds, and what regressions on some of them say of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from tlkit._regression.coefficients import Coefficients
from tlkit._regression.logistic import Ints
from tlkit._regression.regressions import Held, Prepared
from tlkit._regression.standardized import Doubles, Moments
from tlkit._threads import in_threads, usable_cores

# Summed log losses, and how many of each class are named rightly, and named at all.
Outcome = tuple[Doubles, Ints]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Folds:
    """Pictures parted into folds.

    Args:
        pictures: All of them.
        folds: Number of each picture's fold, ``(n,)``, from 0.
    """

    def __init__(self, pictures: Prepared, folds: Ints) -> None:
        self.count = int(folds.max()) + 1
        self.pictures = pictures
        self.blocks = [pictures.features[folds == fold] for fold in range(self.count)]
        self.labels = [pictures.labels[folds == fold] for fold in range(self.count)]
        self._moments = [Moments.of(block) for block in self.blocks]

    def __len__(self) -> int:
        return len(self.pictures.labels)

    def without(self, left: Sequence[int]) -> Held:
        """Return a regression on all folds but some."""
        kept = [fold for fold in range(self.count) if fold not in left]
        labels = np.concatenate([self.labels[fold] for fold in kept])
        moments = [self._moments[fold] for fold in kept]
        return Held([self.blocks[fold] for fold in kept], labels, self.pictures, moments)

    def outcome(self, known: Coefficients, fold: int) -> Outcome:
        """Return what a regression makes of a fold.

        Returns:
            The log loss, summed over its pictures; and how many of each class are named rightly,
            and how many are named so at all, ``(2, classes)``.
        """
        labels, rows = self.labels[fold], known.probabilities(self.blocks[fold])
        right = rows[np.arange(len(labels)), labels]
        losses = -np.log(np.maximum(right, np.finfo(np.float64).tiny))
        return np.asarray(losses.sum()), self.named(rows, fold)

    def named(self, rows: Doubles, fold: int) -> Ints:
        """Return how many of each class are named rightly, and how many are named so at all.

        Args:
            rows: What the largest of names a picture's class, ``(n, classes)``.
            fold: Whose pictures these are.
        """
        labels, named = self.labels[fold], rows.argmax(axis=1)
        some, k = (labels[named == labels], named), self.pictures.classes
        return np.array([np.bincount(each, minlength=k) for each in some])

    def sizes(self, fold: int) -> Ints:
        """Return how many pictures of each class a fold has."""
        return np.bincount(self.labels[fold], minlength=self.pictures.classes)


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item in threads, on as many cores as there are."""
    with threadpool_limits(1, user_api="blas"):
        return in_threads(function, items, workers=usable_cores())
