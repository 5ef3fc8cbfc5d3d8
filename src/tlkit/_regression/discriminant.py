"""Shrunken linear discriminant analysis, its shrinkage chosen on pictures that it has not seen.

Its weights come from sums over the pictures without a search, and its logits are too sure of
themselves, so that they are divided by a temperature, which held-out pictures choose as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from threadpoolctl import threadpool_limits

from tlkit._regression.coefficients import Coefficients
from tlkit._regression.folds import Folds, Outcome, side_by_side
from tlkit._regression.logistic import Ints
from tlkit._regression.regressions import Prepared
from tlkit._regression.scatter import Frame, Scatter
from tlkit._regression.standardized import Doubles, Floats
from tlkit._regression.standing import Standing, Tally

# The identity weighs against the covariance in powers of four, up to these; the search begins in
# the middle and goes on towards where the held-out loss falls.
_WEAKEST, _STRONGEST = -3, 3
# Logits are divided by powers of two up to this one.
_COLDEST = 6
# More numbers than these sums would take too much memory.
_MOST = 2**28


@dataclass(frozen=True)
class Shrinkage:
    """Which discriminant analysis was chosen.

    Args:
        value: Share of the mean variance times the identity in the covariance, above 0 and below 1.
        temperature: By which logits are divided, 1 or more.
    """

    value: float
    temperature: float

    def __str__(self) -> str:
        return f"shrinkage {self.value:.3g}, logits divided by {self.temperature:.3g}"

    def applied(self, frame: Frame, found: Coefficients) -> Coefficients:
        """Return an analysis with its logits divided, for standardized features."""
        weights = frame.back(found.weights) / self.temperature
        return Coefficients(weights, found.bias / self.temperature)

    def optimum(self, pictures: Prepared) -> Coefficients:
        """Return the analysis of all pictures, for features as they came."""
        import scipy.linalg  # noqa: F401  # as below

        frame, width = Frame.of(pictures), pictures.features.shape[1]
        with threadpool_limits(1, user_api="blas"):
            sums = Scatter.of(frame, pictures.features, pictures.labels, pictures.classes)
            found = sums.within().discriminant(self.value, width, exact=True)
        return self.applied(frame, found).unstandardized(pictures.spread)


class Discriminants:
    """Discriminant analyses of pictures in folds, tried without a fold, or two.

    Args:
        parted: The pictures.
        left_out: What each analysis leaves out.
    """

    def __init__(self, parted: Folds, left_out: Sequence[tuple[int, ...]]) -> None:
        self._parted, self._frame = parted, Frame.of(parted.pictures)
        self._left_out = list(left_out)
        self._blocks = side_by_side(self._scatter, range(parted.count))
        self._all = reduce(Scatter.__add__, self._blocks)
        self._tried: dict[int, Tally] = {}

    @classmethod
    def beside(
        cls,
        parted: Folds,
        left_out: Sequence[tuple[int, ...]],
        regression: Callable[[slice], Standing],
    ) -> Discriminants | None:
        """Try shrinkages until held-out losses say which is best for each fold, and for all.

        Args:
            parted: As for the class.
            left_out: As for the class.
            regression: How a logistic regression stands with some folds. Where it is the better one
                for all of them, no more is tried.

        Returns:
            The analyses; None where no class has two different pictures, or covariances would not
            fit into memory.
        """
        import scipy.linalg  # noqa: F401  # its threads can be limited once it is loaded

        if min(parted.pictures.features.shape) ** 2 * (parted.count + 1) > _MOST:
            return None
        found = cls(parted, left_out)
        if not all(found._without(left).varies for left in left_out):
            return None
        asked = {-1, 0, 1}
        while asked:
            found._try(sorted(asked))
            if not any(found.standing(x).loss < regression(x).loss for x in found._choosing):
                break
            asked = {found._best(x) + step for x in found._choosing for step in (-1, 1)}
            asked = {n for n in asked if _WEAKEST <= n <= _STRONGEST} - found._tried.keys()
        return found

    def standing(self, folds: slice = slice(None)) -> Standing:
        """Return how what some folds choose stands, at its powers of four and two."""
        tally, losses = self._tried[self._best(folds)], self._losses(folds)
        coolest = int(losses[self._best(folds)].argmin())
        return Tally(tally.losses[:, coolest], tally.counts).standing(folds, len(self._parted))

    def chosen(self, folds: slice = slice(None)) -> Shrinkage:
        """Return what some folds choose, for as many pictures as they leave.

        Both settings are at the lowest points of parabolas. The identity weighs the less against
        the covariance, the more pictures there are.
        """
        losses, best = self._losses(folds), self._best(folds)
        least = {power: float(each.min()) for power, each in losses.items()}
        power = best + _bottom([least.get(best + x) for x in (-1, 0, 1)])
        colder = np.interp(power, sorted(losses), [_coldness(losses[n]) for n in sorted(losses)])
        sizes = [len(labels) for labels in self._parted.labels]
        total, k = sum(sizes), len(sizes)
        left_out = 0 if folds == slice(None) else sum(sizes[folds])
        learned = total * (1 - len(self._left_out[0]) / k)
        weight = 4.0**power * learned / (total - left_out)
        return Shrinkage(weight / (1 + weight), float(2**colder))

    def without(self, fold: int, chosen: Shrinkage) -> Coefficients:
        """Return the analysis of all pictures but those of a fold, for standardized features."""
        width = self._parted.pictures.features.shape[1]
        found = self._without((fold,)).within().discriminant(chosen.value, width, exact=True)
        return chosen.applied(self._frame, found)

    def _scatter(self, fold: int) -> Scatter:
        parted, classes = self._parted, self._parted.pictures.classes
        return Scatter.of(self._frame, parted.blocks[fold], parted.labels[fold], classes)

    def _without(self, left: tuple[int, ...]) -> Scatter:
        return reduce(Scatter.__sub__, (self._blocks[fold] for fold in left), self._all)

    def _try(self, powers: Sequence[int]) -> None:
        width = self._parted.pictures.features.shape[1]

        def told(left: tuple[int, ...]) -> list[dict[int, Outcome]]:
            within = self._without(left).within()
            found = (within.discriminant(_share(power), width) for power in powers)
            return [self._outcomes(each, left) for each in found]

        found = side_by_side(told, self._left_out)
        for place, power in enumerate(powers):
            self._tried[power] = Tally.of(self._parted, [several[place] for several in found])

    def _outcomes(self, found: Coefficients, left: tuple[int, ...]) -> dict[int, Outcome]:
        """Return what an analysis makes of folds, with losses for each power of two."""
        weights, bias = self._frame.back(found.weights).astype(np.float32), found.bias
        told = {}
        for fold in left:
            logits = self._parted.blocks[fold] @ weights
            logits += bias.astype(np.float32)
            named = self._parted.named(logits, fold)
            told[fold] = _losses(logits, self._parted.labels[fold]), named
        return told

    @property
    def _choosing(self) -> list[slice]:
        """Each fold, and all together."""
        return [slice(None), *(slice(fold, fold + 1) for fold in range(self._parted.count))]

    def _best(self, folds: slice) -> int:
        """Return the power of four of the least loss."""
        losses = self._losses(folds)
        return min(losses, key=lambda power: float(losses[power].min()))

    def _losses(self, folds: slice) -> dict[int, Doubles]:
        return {power: tally.losses[folds].sum(axis=0) for power, tally in self._tried.items()}


def _share(power: int) -> float:
    return 4.0**power / (1 + 4.0**power)


def _coldness(losses: Doubles) -> float:
    """Return the power of two of the temperature of the least loss."""
    best, padded = int(losses.argmin()), [None, *losses.tolist(), None]
    return best + _bottom(padded[best : best + 3])


def _bottom(losses: Sequence[float | None]) -> float:
    """Return where a parabola through three losses is lowest, from the middle one."""
    one, least, other = losses
    if one is None or other is None or least is None or one + other <= 2 * least:
        return 0.0
    return (one - other) / (one - 2 * least + other) / 2


def _losses(logits: Floats, labels: Ints) -> Doubles:
    """Return summed log losses of logits divided by each power of two, from 1.

    Args:
        logits: float32 ``(n, classes)``, changed in place.
        labels: Class numbers ``(n,)``.
    """
    rows = np.arange(len(labels))
    logits -= logits.max(axis=1, keepdims=True)
    own = logits[rows, labels].astype(np.float64)
    losses = np.empty(_COLDEST + 1)
    np.exp(logits / np.float32(2**_COLDEST), out=logits)
    for power in range(_COLDEST, -1, -1):
        losses[power] = np.log(logits.sum(axis=1, dtype=np.float64)).sum() - own.sum() / 2**power
        np.square(logits, out=logits)
    return losses
