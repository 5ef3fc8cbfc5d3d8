"""How good a logistic regression is on unseen pictures, its penalty chosen on unseen ones too.

Each fold is predicted by a regression on the others, whose penalty is chosen by a cross-validation
among these others alone. What validates there and here is the same regression on all but two folds,
so that k folds take k (k - 1) / 2 of them and not k (k - 1).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from tlkit._threads import in_threads, usable_cores
from tlkit.probing._logistic import Ints, Problem
from tlkit.probing._standardized import Doubles, Floats, Spread, Turned, directions, turned
from tlkit.probing.coefficients import Coefficients

# Penalties are powers of the root of ten. From where hardly anything is learned, whole powers of
# ten are tried until the held-out loss rises, then what lies beside the best.
_STRONGEST, _WEAKEST = 2, -12
# Relative change of the objective in a step at which to stop: to choose a penalty among such that
# lie far apart, to predict once, and for what is kept.
_CHOOSING, _PREDICTING, _KEPT = 1e-4, 1e-7, 1e-9
# About so many penalties are tried.
STEPS = 7

Show = Callable[[int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


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
        with threadpool_limits(1, user_api="blas"):
            return cls._of(features, labels, classes)

    @classmethod
    def _of(cls, features: Floats, labels: Ints, classes: int) -> Prepared:
        spread = Spread.of([features])
        features -= spread.mean.astype(np.float32)
        features /= spread.deviation.astype(np.float32)
        few = len(features) <= features.shape[1] // 2
        return cls(features, labels, classes, spread, None if few else directions(features))

    def optimum(self, penalty: float, near: Coefficients) -> Coefficients:
        """Return the regression on all pictures, for features as they came.

        Args:
            penalty: Above 0.
            near: From where to begin, of standardized features.
        """
        with threadpool_limits(1, user_api="blas"):
            held = _Held([self.features], self.labels, self).begin(near)
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

    def begin(self, near: Coefficients) -> _Held:
        """Begin from the optimum of about the same pictures, and return this regression."""
        self._last = self._problem.turned(near, self._spread)
        return self


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


class _Folds:
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

    def without(self, left: Sequence[int]) -> _Held:
        """Return a regression on all folds but some."""
        kept = [fold for fold in range(self.count) if fold not in left]
        labels = np.concatenate([self.labels[fold] for fold in kept])
        return _Held([self.blocks[fold] for fold in kept], labels, self.pictures)

    def loss(self, known: Coefficients, fold: int) -> float:
        """Return the log loss on a fold, summed over its pictures."""
        labels = self.labels[fold]
        right = known.probabilities(self.blocks[fold])[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).sum())


def cross_validated(pictures: Prepared, folds: Ints, show: Show) -> CrossValidated:
    """Predict each picture by a regression that has not seen it.

    Args:
        pictures: What is predicted.
        folds: Number of each picture's fold, ``(n,)``, from 0; at least 3 folds.
        show: Called with how many penalties were tried, and how many there are about.
    """
    parted = _Folds(pictures, folds)
    k = parted.count
    search = _Search(parted, list(itertools.combinations(range(k), 2)))
    search.run(show)
    chosen, best = search.chosen, search.best
    near = search.optima()

    def held_out(fold: int) -> Doubles:
        begun = _mean([found for left, found in near.items() if fold in left])
        held = parted.without([fold]).begin(begun)
        known = held.at(penalty_of(chosen[fold]), _PREDICTING)
        return known.probabilities(parted.blocks[fold])

    rows = _side_by_side(held_out, range(k))
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
    parted = _Folds(pictures, folds)
    search = _Search(parted, [(fold,) for fold in range(parted.count)])
    search.run(show)
    near = _mean(list(search.optima().values()))
    found = pictures.optimum(penalty_of(search.best), near)
    show(STEPS, STEPS)
    return found, penalty_of(search.best)


def penalty_of(half: int) -> float:
    """Return a penalty by its power of the root of ten."""
    return float(10.0 ** (half / 2))


class _Search:
    """Penalties, tried on regressions that leave out a fold, or two.

    Args:
        parted: The pictures.
        left_out: What each regression leaves out.
    """

    def __init__(self, parted: _Folds, left_out: Sequence[tuple[int, ...]]) -> None:
        self._parted, self._left_out = parted, left_out
        held = _side_by_side(parted.without, left_out)
        self._regressions = dict(zip(left_out, held, strict=True))
        # By power of the root of ten, the summed log loss that decides for each fold: of two that
        # are left out, that on the other one.
        self.losses: dict[int, Doubles] = {}

    @property
    def best(self) -> int:
        """The power that is best for all folds together."""
        return min(self.losses, key=lambda half: float(self.losses[half].sum()))

    @property
    def chosen(self) -> list[int]:
        """The power that is best for each fold."""
        tried = list(self.losses)
        return [tried[place] for place in np.array(list(self.losses.values())).argmin(axis=0)]

    def run(self, show: Show) -> None:
        """Try whole powers of ten from the strongest, and what lies beside the best."""
        for half in range(_STRONGEST, _WEAKEST - 1, -2):
            self._try(half, show)
            if half not in {self.best, *self.chosen}:
                break
        bests = {self.best, *self.chosen}
        for half in sorted({best + step for best in bests for step in (-1, 1)}):
            self._try(half, show)

    def optima(self) -> dict[tuple[int, ...], Coefficients]:
        """Return each regression of the best penalty, for standardized features."""
        penalty = penalty_of(self.best)
        found = _side_by_side(lambda left: self._regressions[left].at(penalty), self._left_out)
        return dict(zip(self._left_out, found, strict=True))

    def _try(self, half: int, show: Show) -> None:
        def held_out(left: tuple[int, ...]) -> list[float]:
            known = self._regressions[left].at(penalty_of(half))
            return [self._parted.loss(known, fold) for fold in reversed(left)]

        sums = np.zeros(self._parted.count)
        for left, losses in zip(
            self._left_out, _side_by_side(held_out, self._left_out), strict=True
        ):
            sums[list(left)] += losses
        self.losses[half] = sums
        show(min(len(self.losses), STEPS - 1), STEPS)


def _mean(found: Sequence[Coefficients]) -> Coefficients:
    weights = np.mean([x.weights for x in found], axis=0)
    return Coefficients(weights, np.mean([x.bias for x in found], axis=0))


def _side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item in threads, on as many cores as there are."""
    with threadpool_limits(1, user_api="blas"):
        return in_threads(function, items, workers=usable_cores())
