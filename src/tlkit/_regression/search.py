"""The penalty of the least held-out loss, searched for on regressions that leave out folds."""

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

# Penalties are powers of ten, from where hardly anything is learned to where hardly anything is
# held back; weaker ones are tried until the held-out loss rises.
_STRONGEST, _WEAKEST = 1, -6
# So many regressions go first and show the others where to begin.
_FIRST = 2
# About so many steps show how far it is.
STEPS = 5

Show = Callable[[int, int], None]
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

    def without(self, left: Sequence[int]) -> Held:
        """Return a regression on all folds but some."""
        kept = [fold for fold in range(self.count) if fold not in left]
        labels = np.concatenate([self.labels[fold] for fold in kept])
        moments = [self._moments[fold] for fold in kept]
        return Held([self.blocks[fold] for fold in kept], labels, self.pictures, moments)

    def loss(self, known: Coefficients, fold: int) -> float:
        """Return the log loss on a fold, summed over its pictures."""
        labels = self.labels[fold]
        right = known.probabilities(self.blocks[fold])[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).sum())


class Search:
    """Penalties, tried on regressions that leave out a fold, or two.

    Args:
        parted: The pictures.
        left_out: What each regression leaves out.
    """

    def __init__(self, parted: Folds, left_out: Sequence[tuple[int, ...]]) -> None:
        self._parted, self._left_out = parted, left_out
        held = side_by_side(parted.without, left_out)
        self._regressions = dict(zip(left_out, held, strict=True))
        # By power of ten, what the regressions were, as far as they may be near the best.
        self._found: dict[int, list[Coefficients]] = {}
        # By power of ten, the summed log loss that decides for each fold: of two that are left
        # out, that on the other one.
        self.losses: dict[int, Doubles] = {}

    @property
    def penalty(self) -> float:
        """What is best for a regression on all pictures, by all folds together.

        As much of it weighs on each picture the less, the more there are: scikit-learn's C stays.
        """
        everything = np.array([float(sums.sum()) for sums in self.losses.values()])
        return self._best(everything) * self._learned / sum(map(len, self._parted.labels))

    @property
    def penalties(self) -> list[float]:
        """What is best for a regression on all pictures but those of a fold, for each fold."""
        sizes = np.array([len(labels) for labels in self._parted.labels])
        found = [self._best(column) for column in np.array(list(self.losses.values())).T]
        rows = (sizes.sum() - sizes).tolist()
        return [each * self._learned / n for each, n in zip(found, rows, strict=True)]

    @property
    def _learned(self) -> float:
        """Of how many pictures a regression has learned, on average."""
        return float(np.mean([len(x.labels) for x in self._regressions.values()]))

    def run(self, show: Show) -> None:
        """Try powers of ten from the strongest until they are too weak for each fold."""
        for power in range(_STRONGEST, _WEAKEST - 1, -1):
            self._try(power)
            show(min(len(self.losses), STEPS - 1), STEPS)
            tried = np.array(list(self.losses.values()))
            if max(*tried.argmin(axis=0), tried.sum(axis=1).argmin()) < len(tried) - 1:
                break

    def near(self, fold: int | None = None) -> Coefficients:
        """Return about the optimum for the best penalty, for standardized features.

        Args:
            fold: What it has not seen; None for that on all pictures.
        """
        power = min(self._found, key=lambda x: abs(x - np.log10(self.penalty)))
        pairs = zip(self._left_out, self._found[power], strict=True)
        some = [found for left, found in pairs if fold is None or fold in left]
        return Coefficients.mean(some)

    def _try(self, power: int) -> None:
        found, sums = self._optima(power), np.zeros(self._parted.count)

        def losses(number: int) -> list[float]:
            left = self._left_out[number]
            return [self._parted.loss(found[number], fold) for fold in reversed(left)]

        for left, lost in zip(self._left_out, side_by_side(losses, range(len(found))), strict=True):
            sums[list(left)] += lost
        self.losses[power] = sums
        self._found[power] = found
        self._found.pop(power + 2, None)

    def _optima(self, power: int) -> list[Coefficients]:
        """Return what the regressions are with a penalty, all but the first few begun near it.

        From one penalty to the next, regressions on most of the same pictures move alike.
        """
        before, held = self._found.get(power + 1), list(self._regressions.values())
        first = side_by_side(lambda each: each.at(10.0**power), held[:_FIRST])
        if before is not None:
            pairs = zip(first, before[:_FIRST], strict=True)
            moved = Coefficients.mean([now - then for now, then in pairs])
            for each, then in zip(held[_FIRST:], before[_FIRST:], strict=True):
                each.begin(then + moved)
        return first + side_by_side(lambda each: each.at(10.0**power), held[_FIRST:])

    def _best(self, losses: Doubles) -> float:
        """Return the penalty at the lowest point of a parabola through the best and its neighbours.

        Args:
            losses: Of the powers of ten that were tried.
        """
        place = int(losses.argmin())
        power = float(list(self.losses)[place])
        if 0 < place < len(losses) - 1:
            stronger, least, weaker = losses[place - 1 : place + 2]
            power -= (stronger - weaker) / (stronger - 2 * least + weaker) / 2
        return float(10.0**power)


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item in threads, on as many cores as there are."""
    with threadpool_limits(1, user_api="blas"):
        return in_threads(function, items, workers=usable_cores())
