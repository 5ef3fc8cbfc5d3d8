"""How one way to read features stands beside another, on pictures that neither has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tlkit._regression.folds import Folds, Outcome
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
    def of(cls, parted: Folds, told: Sequence[Mapping[int, Outcome]]) -> Tally:
        """Sum up what each regression makes of the folds that it leaves out.

        Args:
            parted: The pictures.
            told: Of each regression, by the fold, one or two, the summed log losses ``(...)``; and
                how many of each class are named rightly, and named at all, ``(2, classes)``.
        """
        losses = np.zeros((parted.count, *np.shape(next(iter(told[0].values()))[0])))
        counts = np.zeros((parted.count, 3, parted.pictures.classes), np.int64)
        for outcomes in told:
            for fold, (seen, (loss, named)) in zip(
                reversed(outcomes), outcomes.items(), strict=True
            ):
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
