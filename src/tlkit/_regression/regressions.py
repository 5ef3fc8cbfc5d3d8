"""Regressions on some of the pictures, all of whose features are prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from threadpoolctl import threadpool_limits

from tlkit._regression.coefficients import Coefficients
from tlkit._regression.logistic import Ints, Problem
from tlkit._regression.standardized import (
    Doubles,
    Floats,
    Moments,
    Spread,
    Turned,
    directions,
    turned,
)

# Relative change of the objective in a step at which to stop: to choose a penalty among such that
# lie far apart, to predict once, and for what is kept.
CHOOSING, PREDICTING, KEPT = 1e-4, 1e-6, 1e-9


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
        spread = Moments.of(features).spread
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
            held = Held([self.features], self.labels, self).begin(near)
            return held.at(penalty, KEPT).unstandardized(self.spread)


@dataclass(eq=False)
class Held:
    """A regression on some pictures, for one penalty after another.

    Args:
        blocks: Their features, ``(n, d)`` each.
        labels: Their class numbers.
        all_pictures: Of which they are some.
        moments: Of each block, where they are known.
    """

    blocks: Sequence[Floats]
    labels: Ints
    all_pictures: Prepared
    moments: Sequence[Moments] | None = None
    _last: Coefficients | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        moments = self.moments or [Moments.of(block) for block in self.blocks]
        self._spread = reduce(Moments.with_those, moments).spread
        rows: Turned = turned(self.blocks, self._spread, self.all_pictures.known)
        self._problem = Problem(rows, self.labels, self.all_pictures.classes)

    def at(self, penalty: float, tolerance: float = CHOOSING) -> Coefficients:
        """Return the optimum for a penalty, for standardized features of all pictures."""
        self._last = self._problem.solved(penalty, self._last, tolerance=tolerance)
        return self._problem.unturned(self._last, self._spread)

    def begin(self, near: Coefficients) -> Held:
        """Begin from the optimum of about the same pictures, and return this regression."""
        self._last = self._problem.turned(near, self._spread)
        return self
