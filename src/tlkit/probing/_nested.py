"""How good a logistic regression is on pictures that it has not seen, its penalty chosen unseen too.

Each fold is predicted by a regression on the others, whose penalty is chosen by a cross-validation
among these others alone. What validates there and here is the same regression on all but two folds,
so that k folds take k (k - 1) / 2 of them and not k (k - 1).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tlkit.probing._logistic import Coefficients, Ints, Problem
from tlkit.probing._standardized import Doubles, Floats, Spread, Turned, directions, turned

# From where hardly anything is learned, in steps of half a power of ten. Weaker ones are tried
# until the held-out loss rises.
PENALTIES = tuple(float(value) for value in 10.0 ** (1 - np.arange(13) / 2))
# Relative change of the objective in a step at which to stop: to choose a penalty among such that
# lie far apart, and for what is kept.
_CHOOSING, _KEPT = 1e-5, 1e-9


@dataclass(frozen=True, eq=False)
class Prepared:
    """Features of all pictures, standardized, and how to turn them.

    Args:
        features: float32 ``(n, d)``.
        labels: Class numbers ``(n,)``.
        classes: How many classes there are.
        spread: Of the features as they came.
        known: Their directions and mean squares; None where there are few rows.
    """

    features: Floats
    labels: Ints
    classes: int
    spread: Spread
    known: tuple[Floats, Doubles] | None

    @classmethod
    def of(cls, features: Floats, labels: Ints, classes: int) -> Prepared:
        """Prepare features, which are changed in place."""
        spread = Spread.of([features])
        features -= spread.mean.astype(np.float32)
        features /= spread.deviation.astype(np.float32)
        few = len(features) <= features.shape[1] // 2
        return cls(features, labels, classes, spread, None if few else directions(features))

    def fitted(self, penalty: float) -> Coefficients:
        """Return the regression on all pictures, for features as they came."""
        held = _Held([self.features], self.labels, self)
        return held.at(penalty, _KEPT).unstandardized(self.spread)


@dataclass(eq=False)
class _Held:
    """A regression on some pictures, for one penalty after another."""

    blocks: Sequence[Floats]
    labels: Ints
    all_pictures: Prepared
    _last: Coefficients | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._spread = Spread.of(self.blocks)
        rows: Turned = turned(self.blocks, self._spread, self.all_pictures.known)
        self._problem = Problem(rows, self.labels, self.all_pictures.classes)

    def at(self, penalty: float, tolerance: float = _CHOOSING) -> Coefficients:
        """Return the optimum for a penalty, for standardized features of all pictures."""
        self._last = self._problem.solved(penalty, self._last, tolerance=tolerance)
        return self._problem.unturned(self._last, self._spread)


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """What a nested cross-validation gives.

    Args:
        probabilities: Of each picture by a regression that has not seen it, float64
            ``(n, classes)``.
        penalties: What each fold's regression chose.
        losses: Mean held-out log loss by penalty, over all folds, as far as penalties were tried.
    """

    probabilities: Doubles
    penalties: tuple[float, ...]
    losses: Doubles


def cross_validated(
    pictures: Prepared, folds: Ints, show: Callable[[int, int], None]
) -> CrossValidated:
    """Predict each picture by a regression that has not seen it.

    Args:
        pictures: What is predicted.
        folds: Number of each picture's fold, ``(n,)``, from 0; at least 3 folds.
        show: Called with how many penalties were tried, and how many there are.
    """
    k = int(folds.max()) + 1
    blocks = [pictures.features[folds == fold] for fold in range(k)]
    labels = [pictures.labels[folds == fold] for fold in range(k)]

    def without(*left: int) -> _Held:
        kept = [fold for fold in range(k) if fold not in left]
        chosen = np.concatenate([labels[fold] for fold in kept])
        return _Held([blocks[fold] for fold in kept], chosen, pictures)

    outer = [without(fold) for fold in range(k)]
    inner = {pair: without(*pair) for pair in itertools.combinations(range(k), 2)}
    held_out = np.zeros((0, k))
    choosing = np.zeros((0, k))
    for number, penalty in enumerate(PENALTIES):
        sums = np.zeros(k)
        for (one, other), regression in inner.items():
            known = regression.at(penalty)
            sums[one] += _loss(known, blocks[other], labels[other])
            sums[other] += _loss(known, blocks[one], labels[one])
        choosing = np.vstack([choosing, sums])
        losses = np.zeros(k)
        for fold, regression in enumerate(outer):
            losses[fold] = _loss(regression.at(penalty), blocks[fold], labels[fold])
        held_out = np.vstack([held_out, losses])
        show(number + 1, len(PENALTIES))
        last = max(held_out.sum(axis=1).argmin(), choosing.argmin(axis=0).max())
        if last < number:
            break
    chosen = tuple(PENALTIES[place] for place in choosing.argmin(axis=0))
    probabilities = np.empty((len(folds), pictures.classes))
    for fold, (regression, penalty) in enumerate(zip(outer, chosen, strict=True)):
        probabilities[folds == fold] = regression.at(penalty, _KEPT).probabilities(blocks[fold])
    return CrossValidated(probabilities, chosen, held_out.sum(axis=1) / len(folds))


def _loss(known: Coefficients, features: Floats, labels: Ints) -> float:
    """Return the log loss, summed over the pictures."""
    right = known.probabilities(features)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).sum())
