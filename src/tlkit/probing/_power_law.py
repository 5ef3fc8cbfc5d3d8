"""A power law through scores at several sizes, and how sure it is.

``score(n) = ceiling - scale * n ** -rate``: what errors of learned models have been found to follow
(Cortes et al., Learning Curves: Asymptotic Values and Rate of Convergence, NIPS 1993; Hestness et
al., 2017, https://arxiv.org/abs/1712.00409).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]

RATES = np.linspace(0.1, 1.5, 29)


@dataclass(frozen=True, eq=False)
class PowerLaws:
    """Several laws, such as those of resampled scores.

    Args:
        ceilings: Score of endless pictures, at most 1, ``(k,)``.
        scales: At least 0, ``(k,)``.
        rates: ``(k,)``.
    """

    ceilings: Doubles
    scales: Doubles
    rates: Doubles

    @classmethod
    def through(cls, sizes: Doubles, scores: Doubles, rates: Doubles = RATES) -> PowerLaws:
        """Fit by least squares, with weights that grow with the square root of the size.

        Args:
            sizes: ``(m,)``.
            scores: 0..1, ``(k, m)``.
            rates: Of which the best is taken.
        """
        weights = np.sqrt(sizes) / np.sqrt(sizes).sum()
        best = np.full(len(scores), np.inf)
        found = np.zeros((3, len(scores)))
        for rate in rates:
            x = -(sizes**-rate)
            middle, mean = weights @ x, scores @ weights
            slope = ((scores - mean[:, None]) * weights) @ (x - middle)
            scales = np.maximum(slope / (weights @ (x - middle) ** 2), 0)
            ceilings = mean - scales * middle
            # Above 1 nothing can be: the steepest line that ends there instead.
            over = ceilings > 1
            through_one = ((scores - 1) * weights) @ x / (weights @ x**2)
            scales = np.where(over, np.maximum(through_one, 0), scales)
            ceilings = np.minimum(ceilings, 1)
            errors = np.square(ceilings[:, None] + scales[:, None] * x - scores) @ weights
            better = errors < best
            best = np.where(better, errors, best)
            found[:, better] = np.stack([ceilings, scales, np.full(len(scores), rate)])[:, better]
        return cls(*found)

    def at(self, sizes: ArrayLike) -> Doubles:
        """Return the scores that they foretell, ``(k, m)``, of sizes ``(m,)``."""
        n = np.atleast_1d(np.asarray(sizes, np.float64))
        return self.ceilings[:, None] - self.scales[:, None] * n ** -self.rates[:, None]

    def sizes_for(self, scores: Doubles) -> Doubles:
        """Return how many pictures give a score, ``(k,)``; infinite where none do."""
        gap = self.ceilings - scores
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(gap > 0, (self.scales / gap) ** (1 / self.rates), np.inf)
