"""The penalty that held-out pictures choose, searched for on regressions that leave out folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tlkit._regression.coefficients import Coefficients
from tlkit._regression.folds import Folds, Outcome, side_by_side
from tlkit._regression.standing import Standing, Tally

# Penalties are powers of ten, from where hardly anything is learned to where hardly anything is
# held back; weaker ones are tried until the held-out loss rises.
_STRONGEST, _WEAKEST = 1, -6
# So many regressions go first and show the others where to begin.
_FIRST = 2
# About so many steps show how far it is.
STEPS = 5

Show = Callable[[int, int], None]


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
        # By power of ten, what they say of the pictures that they have not seen.
        self.tried: dict[int, Tally] = {}

    @property
    def penalty(self) -> float:
        """What is best for a regression on all pictures, by all folds together.

        As much of it weighs on each picture the less, the more there are: scikit-learn's C stays.
        """
        return self._best(slice(None)) * self._learned / len(self._parted)

    @property
    def penalties(self) -> list[float]:
        """What is best for a regression on all pictures but those of a fold, for each fold."""
        sizes = np.array([len(labels) for labels in self._parted.labels])
        found = [self._best(slice(fold, fold + 1)) for fold in range(self._parted.count)]
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
            show(min(len(self.tried), STEPS - 1), STEPS)
            tried = np.array([tally.losses for tally in self.tried.values()])
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

    def standing(self, folds: slice = slice(None)) -> Standing:
        """Return how the penalty that some folds choose stands, at its power of ten."""
        return self.tried[self._power(folds)].standing(folds, len(self._parted))

    def _try(self, power: int) -> None:
        found, parted = self._optima(power), self._parted

        def told(number: int) -> dict[int, Outcome]:
            return {fold: parted.outcome(found[number], fold) for fold in self._left_out[number]}

        self.tried[power] = Tally.of(parted, side_by_side(told, range(len(found))))
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

    def _power(self, folds: slice) -> int:
        """Return the power of ten that some folds choose.

        It is that of the least loss. Of few and uneven classes that may be a regression that hardly
        names the rare ones, so the next weaker power is taken where its weighted F1 is better by
        more than a standard error.
        """
        power = self._least(folds)
        if power - 1 in self.tried:
            here, weaker = (
                self.tried[power - x].standing(folds, len(self._parted)) for x in (0, 1)
            )
            if weaker.f1 > here.clearly_more:
                return power - 1
        return power

    def _least(self, folds: slice) -> int:
        return min(self.tried, key=lambda power: float(self.tried[power].losses[folds].sum()))

    def _best(self, folds: slice) -> float:
        """Return the penalty that some folds choose.

        Where it is that of the least loss, it is at the lowest point of a parabola through the
        best power of ten and its neighbours.
        """
        power = self._power(folds)
        if power == self._least(folds) and {power - 1, power + 1} <= self.tried.keys():
            around = (self.tried[power - x].losses[folds].sum() for x in (-1, 0, 1))
            stronger, least, weaker = map(float, around)
            return float(10 ** (power - (stronger - weaker) / (stronger - 2 * least + weaker) / 2))
        return float(10.0**power)
