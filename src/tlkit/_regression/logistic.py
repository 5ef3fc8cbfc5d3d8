"""Multinomial logistic regression with an L2 penalty, at its optimum.

The objective is scikit-learn's ``LogisticRegression`` with ``C = 1 / (penalty * n)``, divided by
``C * n``: the mean cross-entropy plus ``penalty / 2`` times the squared weights, biases left out.
`minimum` minimizes it, in steps that are scaled by the curvature of each direction and class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit._regression.coefficients import Coefficients
from tlkit._regression.minimum import minimum
from tlkit._regression.softmax import Softmax
from tlkit._regression.standardized import Spread, Turned

Ints = NDArray[np.int64]

# Of a class without a picture, below the lowest of the others: a probability of about 1e-13.
UNSEEN = 30.0


@dataclass(frozen=True, eq=False)
class Problem:
    """Some rows with their classes, whose optimum is looked for.

    Args:
        rows: The features.
        labels: Class numbers ``(n,)``.
        classes: How many classes there are; those without a row are not learned.
    """

    rows: Turned
    labels: Ints
    classes: int

    def solved(
        self, penalty: float, start: Coefficients | None = None, *, tolerance: float
    ) -> Coefficients:
        """Return the optimum, in turned features.

        Args:
            penalty: Above 0.
            start: Optimum for another penalty, from which to begin.
            tolerance: Share of the objective by which it may be about above its least value.
        """
        present, labels = np.unique(self.labels, return_inverse=True)
        # scikit-learn gives two classes one row of weights: two halves, whose squares are half.
        weight = 2 * penalty if len(present) == 2 else penalty
        if start is None:
            start = Coefficients.nothing(len(self.rows.curvature), self.classes)
        begun = np.vstack([start.weights, start.bias])[:, present]
        found = minimum(Softmax(self.rows, labels, len(present), weight), begun, tolerance)
        weights = np.zeros((len(found) - 1, self.classes))
        bias = np.full(self.classes, found[-1].min() - UNSEEN)
        weights[:, present], bias[present] = found[:-1], found[-1]
        return Coefficients(weights, bias)

    def unturned(self, found: Coefficients, spread: Spread) -> Coefficients:
        """Return coefficients of the features as they come, of those in turned features."""
        weights = self.rows.back @ found.weights.astype(np.float32)
        standardized = Coefficients(weights.astype(np.float64), found.bias)
        return standardized.unstandardized(spread)

    def turned(self, known: Coefficients, spread: Spread) -> Coefficients:
        """Return coefficients in turned features that give about the logits of known ones."""
        standardized = (known.weights * spread.deviation[:, None]).astype(np.float32)
        weights = (self.rows.back.T @ standardized).astype(np.float64)
        return Coefficients(weights, known.bias + spread.mean @ known.weights)
