"""The penalty of the least held-out loss, searched for on regressions that leave out folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from tlkit._threads import in_threads, usable_cores
from tlkit.probing._logistic import Ints
from tlkit.probing._regressions import Held, Prepared
from tlkit.probing._standardized import Doubles
from tlkit.probing.coefficients import Coefficients

# Penalties are powers of the root of ten. From where hardly anything is learned, whole powers of
# ten are tried until the held-out loss rises, then what lies beside the best.
_STRONGEST, _WEAKEST = 2, -12
# About so many penalties are tried.
STEPS = 7

Show = Callable[[int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


def penalty_of(half: int) -> float:
    """Return a penalty by its power of the root of ten."""
    return float(10.0 ** (half / 2))


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

    def without(self, left: Sequence[int]) -> Held:
        """Return a regression on all folds but some."""
        kept = [fold for fold in range(self.count) if fold not in left]
        labels = np.concatenate([self.labels[fold] for fold in kept])
        return Held([self.blocks[fold] for fold in kept], labels, self.pictures)

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
        found = side_by_side(lambda left: self._regressions[left].at(penalty), self._left_out)
        return dict(zip(self._left_out, found, strict=True))

    def _try(self, half: int, show: Show) -> None:
        def held_out(left: tuple[int, ...]) -> list[float]:
            known = self._regressions[left].at(penalty_of(half))
            return [self._parted.loss(known, fold) for fold in reversed(left)]

        sums = np.zeros(self._parted.count)
        for left, losses in zip(
            self._left_out, side_by_side(held_out, self._left_out), strict=True
        ):
            sums[list(left)] += losses
        self.losses[half] = sums
        show(min(len(self.losses), STEPS - 1), STEPS)


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item in threads, on as many cores as there are."""
    with threadpool_limits(1, user_api="blas"):
        return in_threads(function, items, workers=usable_cores())
