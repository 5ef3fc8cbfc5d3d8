"""Multinomial logistic regression with an L2 penalty, at its optimum.

The objective is scikit-learn's ``LogisticRegression`` with ``C = 1 / (penalty * n)``, divided by
``C * n``: the mean cross-entropy plus ``penalty / 2`` times the squared weights, biases left out.
SciPy's L-BFGS-B minimizes it (Byrd et al., A Limited Memory Algorithm for Bound Constrained
Optimization, 1995), on variables that are scaled by the curvature of each direction and class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.probing._standardized import Doubles, Spread, Turned
from tlkit.probing.coefficients import Coefficients

Ints = NDArray[np.int64]

# Numbers in the largest array of logits.
_LARGEST = 16 * 2**20
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
            tolerance: Relative change of the objective in one step at which to stop.
        """
        present, labels = np.unique(self.labels, return_inverse=True)
        # scikit-learn gives two classes one row of weights: two halves, whose squares are half.
        weight = 2 * penalty if len(present) == 2 else penalty
        step = _Objective(self.rows, labels, len(present), weight)
        if start is None:
            begun = np.zeros((len(self.rows.curvature) + 1, len(present)))
            begun[-1] = np.log(np.bincount(labels) / len(labels))
        else:
            begun = np.vstack([start.weights, start.bias])[:, present]
        found = step.minimum(begun, tolerance)
        weights = np.zeros((len(found) - 1, self.classes))
        bias = np.full(self.classes, found[-1].min() - UNSEEN)
        weights[:, present], bias[present] = found[:-1], found[-1]
        return Coefficients(weights, bias)

    def unturned(self, found: Coefficients, spread: Spread) -> Coefficients:
        """Return coefficients of the features as they come, of those in turned features."""
        standardized = Coefficients(self.rows.back @ found.weights, found.bias)
        return standardized.unstandardized(spread)

    def turned(self, known: Coefficients, spread: Spread) -> Coefficients:
        """Return coefficients in turned features that give about the logits of known ones."""
        weights = self.rows.back.T @ (known.weights * spread.deviation[:, None])
        return Coefficients(weights, known.bias + spread.mean @ known.weights)


@dataclass(frozen=True, eq=False)
class _Objective:
    rows: Turned
    labels: Ints
    classes: int
    penalty: float

    def minimum(self, begun: Doubles, tolerance: float) -> Doubles:
        """Return weights and, as last row, biases at the optimum."""
        from scipy.optimize import minimize

        scale = self._scale(begun)

        def function(scaled: Doubles) -> tuple[float, Doubles]:
            value, gradient, _ = self.value(scaled.reshape(begun.shape) * scale)
            return value, (gradient * scale).ravel()

        start = (begun / scale).ravel()
        options = {"maxcor": 10, "ftol": 0.0, "gtol": 1e-12, "maxiter": 2000}
        found = minimize(
            function,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=_Stop(tolerance),
            options=options,
        )
        return np.asarray(found.x.reshape(begun.shape) * scale)

    def _scale(self, begun: Doubles) -> Doubles:
        """Return one over the root of about the objective's second derivatives."""
        _, _, variance = self.value(begun)
        variance = np.maximum(variance, 1e-6)
        squares = np.append(self.rows.curvature, 1.0)
        penalties = np.append(np.full(len(self.rows.curvature), self.penalty), 0.0)
        return np.asarray(1 / np.sqrt(squares[:, None] * variance + penalties[:, None]))

    def value(self, given: Doubles) -> tuple[float, Doubles, Doubles]:
        """Return the objective, its gradient, and the mean variance of each class's probability."""
        weights, bias = given[:-1].astype(np.float32), given[-1].astype(np.float32)
        rows, turn = self.rows, self.rows.turn
        carried = weights if turn is None else turn @ weights
        bias = bias - rows.shift @ weights
        slope = np.zeros((len(carried), self.classes), np.float32)
        total, sums, squares, done = 0.0, np.zeros(self.classes), np.zeros(self.classes), 0
        means = np.zeros(self.classes)
        for part in rows.chunks(max(1, _LARGEST // self.classes)):
            labels = self.labels[done : done + len(part)]
            done += len(part)
            errors = part @ carried
            errors += bias
            errors -= errors.max(axis=1, keepdims=True)
            place = np.arange(len(part)), labels
            total -= errors[place].sum(dtype=np.float64)
            np.exp(errors, out=errors)
            norm = errors.sum(axis=1, keepdims=True)
            total += np.log(norm).sum(dtype=np.float64)
            errors /= norm
            means += errors.sum(axis=0, dtype=np.float64)
            squares += np.einsum("nk,nk->k", errors, errors)
            errors[place] -= 1
            sums += errors.sum(axis=0, dtype=np.float64)
            slope += part.T @ errors
        n = len(self.labels)
        if turn is not None:
            slope = turn.T @ slope
        gradient = np.empty_like(given)
        gradient[:-1] = (slope - np.outer(rows.shift, sums)) / n + self.penalty * given[:-1]
        gradient[-1] = sums / n
        value = total / n + 0.5 * self.penalty * float(np.square(given[:-1]).sum())
        return value, gradient, means / n - squares / n


class _Stop:
    """Ends a minimization once a step changes the objective by less than a share of it.

    SciPy's ``ftol`` is a share of at least 1, and the objective may be far below.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance, self._last = tolerance, np.inf

    def __call__(self, intermediate_result: Any) -> None:
        """Raise StopIteration to end."""
        last, self._last = self._last, intermediate_result.fun
        if last - self._last <= self._tolerance * self._last:
            raise StopIteration
