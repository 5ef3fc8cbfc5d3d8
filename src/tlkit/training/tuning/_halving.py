"""Successive halving: short trainings of many settings, long ones of the best.

K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016, with the factor of L. Li et al., "Hyperband", JMLR 18, 2018: after each
round the best third goes on, and trains three times as long. So every round takes about as long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

FACTOR, MOST_ROUNDS = 3, 3


@dataclass(frozen=True)
class Rounds:
    """How long the trainings of each round are.

    Args:
        count: Of rounds.

    Example:
        >>> [Rounds(3).epochs(20, number) for number in range(3)]
        [3, 7, 20]
    """

    count: int

    @classmethod
    def of(cls, settings: int) -> Rounds:
        """Return the rounds for so many settings: with fewer than three, all train at length."""
        return cls(1 + sum(settings >= FACTOR**number for number in range(1, MOST_ROUNDS)))

    def epochs(self, full: int, number: int) -> int:
        """Return the epochs of a round.

        Args:
            full: Of the last round.
            number: Of the round, from 0.
        """
        shorter: int = FACTOR ** (self.count - 1 - number)
        return max(1, -(-full // shorter))


def going_on(scores: Mapping[int, float]) -> list[int]:
    """Return who goes on to the next round, the best first.

    Args:
        scores: Of those that ran, the larger the better; NaN is worse than anything.

    Example:
        >>> going_on({0: 0.5, 1: 0.7, 2: 0.7, 3: float("nan")})
        [1, 2]
    """
    return ranked(scores)[: math.ceil(len(scores) / FACTOR)]


def ranked(scores: Mapping[int, float]) -> list[int]:
    """Return trials by score, the best first; of equal ones the first drawn."""
    return sorted(scores, key=lambda trial: (math.isnan(scores[trial]), -scores[trial], trial))
