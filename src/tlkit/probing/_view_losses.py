"""What a regression loses on held-out images and on views of them, with or without views learned.

The log loss is bounded: it is that of the probabilities mixed with one hundredth of even ones, so
that no single image of which a regression is sure and wrong decides a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from tlkit._regression.folds import Folds, side_by_side
from tlkit._regression.logistic import Ints
from tlkit._regression.regressions import CHOOSING, Held, Prepared
from tlkit._regression.search import Search, Show
from tlkit._regression.standardized import Doubles, Floats

_EVEN = 0.01


@dataclass(frozen=True, eq=False)
class ViewLosses:
    """Regressions at one penalty on images and views, each tested on a fold it has not seen.

    Args:
        plain: Features of the images as they are, ``(n, d)``.
        labels: Class numbers ``(n,)``.
        classes: How many there are.
        folds: Number of each image's fold, ``(n,)``; the views of an image share it.
        penalty: Of the regressions.
    """

    plain: Floats
    labels: Ints
    classes: int
    folds: Ints
    penalty: float

    @classmethod
    def of(cls, plain: Floats, labels: Ints, classes: int, folds: Ints, show: Show) -> ViewLosses:
        """Choose the penalty that is best for the images as they are."""
        parted = Folds(Prepared.of(plain.copy(), labels, classes), folds)
        search = Search(parted, [(fold,) for fold in range(parted.count)])
        search.run(show)
        return cls(plain, labels, classes, folds, search.penalty)

    def without(self, views: Sequence[Floats]) -> list[Doubles]:
        """Learn from images as they are; return losses on them, then on each of some views."""
        return self._held_out([self.plain, *views], learned=1)

    def learning(self, views: Floats) -> Doubles:
        """Learn from images and views of them, and return losses on the images as they are."""
        return self._held_out([self.plain, views], learned=2)[0]

    def _held_out(self, blocks: list[Floats], learned: int) -> list[Doubles]:
        n = len(self.labels)
        prepared = Prepared.of(
            np.concatenate(blocks), np.tile(self.labels, len(blocks)), self.classes
        )
        seen = [prepared.features[n * number : n * (number + 1)] for number in range(len(blocks))]

        def fold_losses(fold: int) -> list[Doubles]:
            held = self.folds == fold
            learn = [rows[~held] for rows in seen[:learned]]
            with threadpool_limits(1, user_api="blas"):
                labels = np.tile(self.labels[~held], learned)
                found = Held(learn, labels, prepared).at(self.penalty, CHOOSING)
            return [self._loss(found.probabilities(rows[held]), self.labels[held]) for rows in seen]

        losses = [np.empty(n) for _ in blocks]
        count = int(self.folds.max()) + 1
        for fold, each in enumerate(side_by_side(fold_losses, range(count))):
            for whole, part in zip(losses, each, strict=True):
                whole[self.folds == fold] = part
        return losses

    def _loss(self, probabilities: Doubles, labels: Ints) -> Doubles:
        right = probabilities[np.arange(len(labels)), labels]
        return np.asarray(-np.log((1 - _EVEN) * right + _EVEN / self.classes))
