"""The least value of a softmax's penalized loss.

L-BFGS (J. Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", Mathematics of
Computation 35, 1980), with two things that such a loss allows. Logits change along a line as the
weights do, so that a step to the least point of the line costs no more products with the rows than
one of a fixed length. And curvature is known about: the mean squares of the directions by the
variances of the classes take the place of the identity.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from tlkit._regression.softmax import Point, Softmax
from tlkit._regression.standardized import Doubles, Floats

_STEPS, _KEPT = 2000, 10
# A point of a line is good enough once the slope there is so small a share of the first.
_FLAT, _TRIES = 0.1, 60


def minimum(loss: Softmax, begun: Doubles, tolerance: float) -> Doubles:
    """Return weights and, as last row, biases at the least value.

    Args:
        loss: What is least.
        begun: Where to begin, ``(r + 1, classes)``.
        tolerance: Ends where a step would lower the value by less than this share of it.
    """
    weights, logits, point = _looked_at(loss, begun)
    if point.loss > loss.entropy:  # what was learned elsewhere is worse here than nothing
        nothing = np.zeros_like(begun)
        nothing[-1] = np.log(loss.shares)
        weights, logits, point = _looked_at(loss, nothing)
    gradient = loss.gradient(point.errors, weights)
    memory = _Memory(loss.scales(point.errors))
    for _ in range(_STEPS):
        step = memory.step(gradient)
        slope = _dot(step, gradient)
        value = point.loss + loss.penalty / 2 * float(np.square(weights[:-1]).sum())
        if -slope / 2 <= tolerance * value:
            break
        along = loss.logits(step, bare=True)
        length, point = _line(loss, weights, step, logits, along, slope)
        logits += np.float32(length) * along
        step *= np.float32(length)
        weights += step
        last, gradient = gradient, loss.gradient(point.errors, weights)
        memory.keep(step, gradient - last)
    return weights[:, : loss.classes]


def _looked_at(loss: Softmax, begun: Doubles) -> tuple[Doubles, Floats, Point]:
    weights = np.zeros((len(begun), loss.columns))
    weights[:, : loss.classes] = begun
    logits = loss.logits(weights.astype(np.float32))
    return weights, logits, loss.at(logits.copy())


def _line(
    loss: Softmax, weights: Doubles, step: Floats, logits: Floats, along: Floats, slope: float
) -> tuple[float, Point]:
    """Return about the least point of a line, by Newton's method within bounds."""
    inner = float(np.vdot(weights[:-1], step[:-1]))
    square = float(np.vdot(step[:-1], step[:-1]))
    low, high, length = 0.0, np.inf, 1.0
    for _ in range(_TRIES):
        point = loss.at(logits + np.float32(length) * along, along)
        here = point.slope + loss.penalty * (inner + length * square)
        if abs(here) <= _FLAT * abs(slope):
            break
        if here < 0:
            low = length
        else:
            high = length
        far = 4 * length if high == np.inf else high
        curve = point.curve + loss.penalty * square
        if here < 0 and curve * (far - length) <= -here:
            length = far if high == np.inf else (low + high) / 2
        elif here > 0 and curve * (length - low) <= here:
            length = (low + high) / 2
        else:
            length -= here / curve
    return length, point


class _Memory:
    """The last steps, and how the gradient changed in them.

    Args:
        scales: One over about the second derivatives.
    """

    def __init__(self, scales: Floats) -> None:
        self._scales = scales
        self._pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=_KEPT)
        self._factor = np.float32(1)

    def step(self, gradient: Floats) -> Floats:
        """Return the step to about where the gradient is 0."""
        found, shares = -gradient, []
        for step, change, product in reversed(self._pairs):
            share = _dot(step, found) / product
            found -= np.float32(share) * change
            shares.append(share)
        found *= self._scales
        found *= self._factor
        for (step, change, product), share in zip(self._pairs, reversed(shares), strict=True):
            found += np.float32(share - _dot(change, found) / product) * step
        return found

    def keep(self, step: Floats, change: Floats) -> None:
        """Remember a step."""
        product = _dot(step, change)
        if product > 0:
            self._pairs.append((step, change, product))
            scaled = change * self._scales
            self._factor = np.float32(product / _dot(change, scaled))


def _dot(one: Floats, other: Floats) -> float:
    return float(np.vdot(one, other))
