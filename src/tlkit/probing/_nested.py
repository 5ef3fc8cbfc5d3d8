"""How good a logistic regression is on unseen pictures, its penalty chosen on unseen ones too.

Each fold is predicted by a regression on the others, whose penalty is chosen by a cross-validation
among these others alone. What validates there and here is the same regression on all but two folds,
so that k folds take k (k - 1) / 2 of them and not k (k - 1).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlkit.probing._logistic import Ints
from tlkit.probing._regressions import PREDICTING, Prepared
from tlkit.probing._search import STEPS, Folds, Search, Show, penalty_of, side_by_side
from tlkit.probing._standardized import Doubles
from tlkit.probing.coefficients import Coefficients


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """What a nested cross-validation gives.

    Args:
        probabilities: Of each picture by a regression that has not seen it, float64
            ``(n, classes)``.
        penalties: What each fold's regression chose.
        penalty: What all folds together chose.
        losses: Mean held-out log loss by penalty, the strongest penalty first.
        near: Near the optimum for this penalty on all pictures, of standardized features.
    """

    probabilities: Doubles
    penalties: tuple[float, ...]
    penalty: float
    losses: dict[float, float]
    near: Coefficients


def cross_validated(pictures: Prepared, folds: Ints, show: Show) -> CrossValidated:
    """Predict each picture by a regression that has not seen it.

    Args:
        pictures: What is predicted.
        folds: Number of each picture's fold, ``(n,)``, from 0; at least 3 folds.
        show: Called with how many penalties were tried, and how many there are about.
    """
    parted = Folds(pictures, folds)
    k = parted.count
    search = Search(parted, list(itertools.combinations(range(k), 2)))
    search.run(show)
    chosen, best = search.chosen, search.best
    near = search.optima()

    def held_out(fold: int) -> Doubles:
        begun = _mean([found for left, found in near.items() if fold in left])
        held = parted.without([fold]).begin(begun)
        known = held.at(penalty_of(chosen[fold]), PREDICTING)
        return known.probabilities(parted.blocks[fold])

    rows = side_by_side(held_out, range(k))
    probabilities = np.empty((len(folds), pictures.classes))
    for fold in range(k):
        probabilities[folds == fold] = rows[fold]
    show(STEPS, STEPS)
    shares = (k - 1) * len(folds)  # each picture was held out by k - 1 regressions
    means = sorted(search.losses.items(), reverse=True)
    losses = {penalty_of(half): float(x.sum()) / shares for half, x in means}
    penalties = tuple(map(penalty_of, chosen))
    return CrossValidated(
        probabilities, penalties, penalty_of(best), losses, _mean(list(near.values()))
    )


def fitted(pictures: Prepared, folds: Ints, show: Show) -> tuple[Coefficients, float]:
    """Return a regression on all pictures, and its penalty, of the least log loss over folds.

    Args:
        pictures: What is learned.
        folds: As for `cross_validated`; at least 2.
        show: As for `cross_validated`.
    """
    parted = Folds(pictures, folds)
    search = Search(parted, [(fold,) for fold in range(parted.count)])
    search.run(show)
    near = _mean(list(search.optima().values()))
    found = pictures.optimum(penalty_of(search.best), near)
    show(STEPS, STEPS)
    return found, penalty_of(search.best)


def _mean(found: Sequence[Coefficients]) -> Coefficients:
    weights = np.mean([x.weights for x in found], axis=0)
    return Coefficients(weights, np.mean([x.bias for x in found], axis=0))
