"""The penalized loss of a softmax on some rows, along a line of weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tlkit._regression.standardized import Doubles, Floats, Turned

# Matrix products are faster by a third where the number of columns is a multiple.
_LANES = 16
# Rows that are multiplied at once: with more of them sums lose digits, and nothing is won.
_AT_ONCE = 1024
# A class varies at least by such a share of what it would if only shares were known.
_LEAST = 1e-2
# A logit of columns that stand for no class.
_NOTHING = np.float32(-1e30)


@dataclass(frozen=True, eq=False)
class Point:
    """What is known where the loss was looked at.

    Args:
        loss: Mean cross-entropy.
        slope: Its derivative along the line.
        curve: Its second derivative along the line.
        errors: Probabilities less the truth, float32 ``(n, columns)``.
    """

    loss: float
    slope: float
    curve: float
    errors: Floats


@dataclass(frozen=True, eq=False)
class Softmax:
    """The loss of rows with their classes: mean cross-entropy, and a penalty on squared weights.

    Weights are ``(r + 1, columns)``, the biases last; columns beyond the classes are 0.

    Args:
        rows: The features.
        labels: Class numbers ``(n,)``, each of which has a row.
        classes: How many there are.
        penalty: Half of it times the squared weights is added.
    """

    rows: Turned
    labels: NDArray[np.int64]
    classes: int
    penalty: float

    @cached_property
    def columns(self) -> int:
        """How many columns weights have."""
        return -(-self.classes // _LANES) * _LANES

    @cached_property
    def shares(self) -> Doubles:
        """Of the rows, by class, float64 ``(classes,)``."""
        return np.bincount(self.labels) / len(self.labels)

    @property
    def entropy(self) -> float:
        """The loss where these shares are all that is known."""
        return float(-(self.shares * np.log(self.shares)).sum())

    def logits(self, weights: Floats, *, bare: bool = False) -> Floats:
        """Return the logits of weights, less that of the true class, float32 ``(n, columns)``.

        Args:
            weights: float32.
            bare: Columns that stand for no class are not made to stand for none.
        """
        rows, turn = self.rows, self.rows.turn
        carried = weights[:-1] if turn is None else turn @ weights[:-1]
        bias = weights[-1] - rows.shift @ weights[:-1]
        found = np.empty((len(self.labels), self.columns), np.float32)
        done = 0
        for part in rows.chunks(_AT_ONCE):
            np.matmul(part, carried, out=found[done : done + len(part)])
            done += len(part)
        found += bias
        found -= found[self._places][:, None]
        if not bare:
            found[:, self.classes :] = _NOTHING
        return found

    def gradient(self, errors: Floats, weights: Doubles) -> Floats:
        """Return the gradient where the errors are these, float32 ``(r + 1, columns)``."""
        rows, turn, n = self.rows, self.rows.turn, np.float32(len(self.labels))
        sums = errors.sum(axis=0, dtype=np.float64).astype(np.float32)
        slope = np.zeros((self._width, self.columns), np.float32)
        done = 0
        for part in rows.chunks(_AT_ONCE):
            slope += part.T @ errors[done : done + len(part)]
            done += len(part)
        if turn is not None:
            slope = turn.T @ slope
            slope -= np.outer(rows.shift, sums)
        found = np.empty(weights.shape, np.float32)
        found[:-1] = slope / n + self.penalty * weights[:-1]
        found[-1] = sums / n
        return found

    def at(self, logits: Floats, along: Floats | None = None) -> Point:
        """Return what the cross-entropy is at some logits.

        All is summed over the other classes, so that it is exact where a row is nearly certain.

        Args:
            logits: As of `logits`; changed in place, to errors.
            along: How they change along the line.
        """
        most = logits.max(axis=1, keepdims=True)
        logits -= most
        np.exp(logits, out=logits)
        own = logits[self._places]
        logits[self._places] = 0
        others = logits.sum(axis=1)
        norm = others + own
        logits /= norm[:, None]
        certain = np.log1p(others.astype(np.float64))
        losses = np.where(most[:, 0] > 0, most[:, 0] + np.log(norm.astype(np.float64)), certain)
        n, slope, curve = len(self.labels), 0.0, 0.0
        if along is not None:
            means = np.einsum("nk,nk->n", logits, along)
            squares = np.einsum("nk,nk,nk->n", logits, along, along)
            slope = float(means.sum(dtype=np.float64)) / n
            curve = float((squares - means * means).sum(dtype=np.float64)) / n
        logits[self._places] = -others / norm
        return Point(float(losses.sum()) / n, slope, curve, logits)

    def scales(self, errors: Floats) -> Floats:
        """Return one over about the objective's second derivatives, float32 ``(r + 1, columns)``.

        Args:
            errors: As of `at`, which stay.
        """
        probabilities = errors.copy()
        probabilities[self._places] += 1
        means = probabilities.mean(axis=0, dtype=np.float64)
        variance = means - np.square(probabilities).mean(axis=0, dtype=np.float64)
        variance = variance[: self.classes]
        # Of a class that is missed yet it would be none.
        variance = np.maximum(variance, _LEAST * self.shares * (1 - self.shares))
        variance = np.pad(variance, (0, self.columns - self.classes), constant_values=1.0)
        squares = np.append(self.rows.curvature, 1.0)
        penalties = np.append(np.full(len(self.rows.curvature), self.penalty), 0.0)
        found = squares[:, None] * variance + penalties[:, None]
        found[found == 0] = 1.0  # one class alone: nothing is to be learned
        return np.asarray(1 / found, np.float32)

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.arange(len(self.labels)), self.labels

    @property
    def _width(self) -> int:
        turn = self.rows.turn
        return len(self.rows.curvature) if turn is None else len(turn)
