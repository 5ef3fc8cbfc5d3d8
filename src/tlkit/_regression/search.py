"""The penalty that held-out pictures choose, searched for on regressions that leave out folds."""

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

    def outcome(self, known: Coefficients, fold: int) -> tuple[float, Ints]:
        """Return what a regression makes of a fold.

        Returns:
            The log loss, summed over its pictures; and how many of each class are named rightly,
            and how many are named so at all, ``(2, classes)``.
        """
        labels, classes = self.labels[fold], self.pictures.classes
        rows = known.probabilities(self.blocks[fold])
        right = rows[np.arange(len(labels)), labels]
        loss = float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).sum())
        named = rows.argmax(axis=1)
        counts = [np.bincount(x, minlength=classes) for x in (labels[named == labels], named)]
        return loss, np.array(counts)

    def sizes(self, fold: int) -> Ints:
        """Return how many pictures of each class a fold has."""
        return np.bincount(self.labels[fold], minlength=self.pictures.classes)


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
        # Likewise, what is named rightly, what is named at all, and what there is: of each fold and
        # class, ``(folds, 3, classes)``.
        self._counts: dict[int, Ints] = {}

    @property
    def penalty(self) -> float:
        """What is best for a regression on all pictures, by all folds together.

        As much of it weighs on each picture the less, the more there are: scikit-learn's C stays.
        """
        return self._best(slice(None)) * self._learned / sum(map(len, self._parted.labels))

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
        parted, found = self._parted, self._optima(power)
        sums = np.zeros(parted.count)
        counts = np.zeros((parted.count, 3, parted.pictures.classes), np.int64)

        def outcomes(number: int) -> list[tuple[int, int, float, Ints]]:
            left = self._left_out[number]
            pairs = zip(left, reversed(left), strict=True)
            return [(fold, seen, *parted.outcome(found[number], seen)) for fold, seen in pairs]

        for several in side_by_side(outcomes, range(len(found))):
            for fold, seen, loss, named in several:
                sums[fold] += loss
                counts[fold] += [*named, parted.sizes(seen)]
        self.losses[power], self._counts[power] = sums, counts
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

    def _seen(self, folds: slice) -> int:
        """Return how many pictures decide for some folds."""
        counted = next(iter(self._counts.values()))[folds, 2].sum()
        return min(int(counted), sum(map(len, self._parted.labels)))

    def _best(self, folds: slice) -> float:
        """Return the penalty that some folds choose.

        It is that of the least loss, at the lowest point of a parabola through the best power of
        ten and its neighbours. Of few and uneven classes that may be a regression that hardly
        names the rare ones, so the next weaker power is taken where its weighted F1 is better by
        more than a standard error.
        """
        losses = np.array([float(sums[folds].sum()) for sums in self.losses.values()])
        place = int(losses.argmin())
        power = float(list(self.losses)[place])
        if place < len(losses) - 1:
            here, weaker = (_weighted_f1(self._counts[int(power) - x][folds]) for x in (0, 1))
            if weaker > here + np.sqrt(here * (1 - here) / self._seen(folds)):
                return float(10.0 ** (power - 1))
        if 0 < place < len(losses) - 1:
            stronger, least, weaker = losses[place - 1 : place + 2]
            power -= (stronger - weaker) / (stronger - 2 * least + weaker) / 2
        return float(10.0**power)


def _weighted_f1(counts: Ints) -> float:
    """Return the weighted F1 of what is named rightly, named and there, ``(folds, 3, classes)``."""
    right, named, there = counts.sum(axis=0)
    return float((2 * right * there / np.maximum(named + there, 1)).sum() / there.sum())


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to each item in threads, on as many cores as there are."""
    with threadpool_limits(1, user_api="blas"):
        return in_threads(function, items, workers=usable_cores())
