"""How one way to read features stands beside another, on pictures that neither has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tlkit._regression.folds import Folds, side_by_side
from tlkit._regression.logistic import Ints
from tlkit._regression.standardized import Doubles


@dataclass(frozen=True)
class Standing:
    """What held-out pictures say.

    Args:
        f1: Weighted F1, 0..1.
        loss: Mean log loss.
        seen: How many pictures there were.
    """

    f1: float
    loss: float
    seen: int

    @property
    def clearly_more(self) -> float:
        """A weighted F1 that is better by a standard error."""
        return self.f1 + float(np.sqrt(self.f1 * (1 - self.f1) / self.seen))

    def beaten_by(self, other: Standing) -> bool:
        """Say whether another names pictures better, and is surer of it with better reason."""
        return other.f1 > self.f1 and other.loss < self.loss


@dataclass(frozen=True, eq=False)
class Tally:
    """What regressions that leave out folds say of these.

    Args:
        losses: The summed log loss that decides for each fold, ``(folds, ...)``: of two that a
            regression leaves out, that on the other one.
        counts: Likewise, what is named rightly, what is named at all, and what there is, of each
            class: ``(folds, 3, classes)``.
    """

    losses: Doubles
    counts: Ints

    @classmethod
    def of(
        cls,
        parted: Folds,
        left_out: Sequence[tuple[int, ...]],
        outcome: Callable[[int, int], tuple[Doubles, Ints]],
    ) -> Tally:
        """Count what each regression makes of what it leaves out.

        Args:
            parted: The pictures.
            left_out: One fold or two, for each regression.
            outcome: Gives for the number of a regression and a fold the summed log losses; and how
                many of each class are named rightly, and named at all, ``(2, classes)``.
        """

        def outcomes(number: int) -> list[tuple[int, int, Doubles, Ints]]:
            left = left_out[number]
            pairs = zip(left, reversed(left), strict=True)
            return [(fold, seen, *outcome(number, seen)) for fold, seen in pairs]

        found = [x for several in side_by_side(outcomes, range(len(left_out))) for x in several]
        losses = np.zeros((parted.count, *np.shape(found[0][2])))
        counts = np.zeros((parted.count, 3, parted.pictures.classes), np.int64)
        for fold, seen, loss, named in found:
            losses[fold] += loss
            counts[fold] += [*named, parted.sizes(seen)]
        return cls(losses, counts)

    def standing(self, folds: slice, pictures: int) -> Standing:
        """Return what decides for some folds, for one log loss of each.

        Args:
            folds: Which.
            pictures: How many there are; each counts once.
        """
        right, named, there = self.counts[folds].sum(axis=0)
        f1 = float((2 * right * there / np.maximum(named + there, 1)).sum() / there.sum())
        loss = float(self.losses[folds].sum()) / int(there.sum())
        return Standing(f1, loss, min(int(there.sum()), pictures))
