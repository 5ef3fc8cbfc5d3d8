"""Pictures predicted by regressions that learned from ever more of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit._regression.folds import Folds, side_by_side
from tlkit._regression.regressions import PREDICTING, Held, Prepared
from tlkit._regression.search import Search
from tlkit._seeds import stream
from tlkit.data.even_folds import even_folds
from tlkit.errors import SplitError

Ints = NDArray[np.int64]

# Pictures of a class, on average, in the smallest subset; of all, at least this share.
_FEWEST, _LEAST, _MOST_LEAST = 3, 1 / 16, 0.5
_CHOOSING_FOLDS = 3


def shares(labels: Ints, folds: int, points: int) -> NDArray[np.float64]:
    """Return which shares of the training pictures are learned from, the largest last.

    Raises:
        SplitError: There are too few pictures of each class.
    """
    pool = len(labels) * (1 - 1 / folds)
    least = max(_LEAST, _FEWEST * len(np.unique(labels)) / pool)
    if least > _MOST_LEAST:
        raise SplitError(
            f"Received {len(labels)} images of {len(np.unique(labels))} classes; a learning curve "
            f"needs about {int(np.ceil(_FEWEST / _MOST_LEAST / (1 - 1 / folds)))} of each class "
            "or more, to learn from half of them. Add images, or leave small classes out."
        )
    return np.geomspace(least, 1, points)


@dataclass(frozen=True, eq=False)
class Deal:
    """Pictures dealt into folds, each predicted by regressions on some of the others.

    Args:
        pictures: All of them.
        folds: Number of each picture's fold, ``(n,)``.
        seed: Which pictures the subsets hold follows from it.
    """

    pictures: Prepared
    folds: Ints
    seed: int

    def chosen(self, fold: int, share: float) -> Ints:
        """Return positions of a share of what is not in a fold; a larger share holds them too."""
        labels, kept = self.pictures.labels, []
        for kind in range(self.pictures.classes):
            members = np.flatnonzero((labels == kind) & (self.folds != fold))
            order = stream(self.seed, f"learning curve {fold}", sample=kind).permutation(members)
            kept.append(order[: int(np.ceil(len(order) * share))])
        return np.concatenate(kept)

    def penalty(self, share: float) -> float:
        """Return a penalty for so many pictures, chosen on those of the first fold's subset."""
        some = self.chosen(0, share)
        given = self.pictures
        part = Prepared(
            given.features[some], given.labels[some], given.classes, given.spread, given.known
        )
        k = min(_CHOOSING_FOLDS, int(np.bincount(part.labels).max()))
        dealt = even_folds(part.labels, k, seed=self.seed)
        search = Search(Folds(part, dealt), [(fold,) for fold in range(k)])
        search.run(lambda *_: None)
        return search.penalty

    def predicted(self, share: float, penalty: float) -> tuple[NDArray[np.float64], float]:
        """Return each picture's probabilities, and how many pictures were learned from.

        Args:
            share: Of the pictures outside of its fold.
            penalty: Of the regressions.
        """
        given, count = self.pictures, int(self.folds.max()) + 1

        def held_out(fold: int) -> tuple[NDArray[np.float64], int]:
            some = self.chosen(fold, share)
            known = Held([given.features[some]], given.labels[some], given).at(penalty, PREDICTING)
            return known.probabilities(given.features[self.folds == fold]), len(some)

        found = side_by_side(held_out, range(count))
        probabilities = np.empty((len(self.folds), given.classes))
        for fold, (rows, _) in enumerate(found):
            probabilities[self.folds == fold] = rows
        return probabilities, float(np.mean([learned for _, learned in found]))


def curve_of(
    deals: list[Deal], wanted: NDArray[np.float64], show: Callable[[int, int], None]
) -> tuple[list[list[NDArray[np.float64]]], list[float]]:
    """Return probabilities by share and deal, and how many pictures each share is."""
    found: list[list[NDArray[np.float64]]] = []
    sizes: list[float] = []
    for number, share in enumerate(wanted.tolist()):
        penalty = deals[0].penalty(share)
        tried = [deal.predicted(share, penalty) for deal in deals]
        found.append([rows for rows, _ in tried])
        sizes.append(tried[0][1])
        show(number + 1, len(wanted))
    return found, sizes
