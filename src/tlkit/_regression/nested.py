"""How good a logistic regression is on unseen pictures, its penalty chosen on unseen ones too.

Each fold is predicted by a regression on the others, whose penalty is chosen by a cross-validation
among these others alone. What validates there and here is the same regression on all but two folds,
so that k folds take k (k - 1) / 2 of them and not k (k - 1).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tlkit._regression.coefficients import Coefficients
from tlkit._regression.logistic import Ints
from tlkit._regression.regressions import PREDICTING, Prepared
from tlkit._regression.search import STEPS, Folds, Search, Show, side_by_side
from tlkit._regression.standardized import Doubles


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """What a nested cross-validation gives.

    Args:
        probabilities: Of each picture by a regression that has not seen it, float64
            ``(n, classes)``.
        penalties: What each fold's regression chose.
        penalty: What all folds together chose.
        losses: Mean held-out log loss by the penalties that were tried, the strongest first, of
            regressions without two folds.
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
    penalties = search.penalties

    def held_out(fold: int) -> Doubles:
        held = parted.without([fold]).begin(search.near(fold))
        return held.at(penalties[fold], PREDICTING).probabilities(parted.blocks[fold])

    rows = side_by_side(held_out, range(k))
    probabilities = np.empty((len(folds), pictures.classes))
    for fold in range(k):
        probabilities[folds == fold] = rows[fold]
    show(STEPS, STEPS)
    shares = (k - 1) * len(folds)  # each picture was held out by k - 1 regressions
    losses = {10.0**power: float(x.sum()) / shares for power, x in search.losses.items()}
    return CrossValidated(probabilities, tuple(penalties), search.penalty, losses, search.near())


def fitted(pictures: Prepared, folds: Ints, show: Show) -> tuple[Coefficients, float]:
    """Return a regression on all pictures, and its penalty, as the folds choose it.

    Args:
        pictures: What is learned.
        folds: As for `cross_validated`; at least 2.
        show: As for `cross_validated`.
    """
    parted = Folds(pictures, folds)
    search = Search(parted, [(fold,) for fold in range(parted.count)])
    search.run(show)
    found = pictures.optimum(search.penalty, search.near())
    show(STEPS, STEPS)
    return found, search.penalty
