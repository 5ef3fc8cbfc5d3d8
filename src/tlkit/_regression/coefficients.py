"""What a regression on features has learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlkit._regression.standardized import Doubles, Floats, Spread


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Weights of features, and a bias, of which a softmax makes probabilities.

    Args:
        weights: float64 ``(d, classes)``.
        bias: float64 ``(classes,)``.
    """

    weights: Doubles
    bias: Doubles

    @classmethod
    def nothing(cls, features: int, classes: int) -> Coefficients:
        """Return what gives all classes the same probability."""
        return cls(np.zeros((features, classes)), np.zeros(classes))

    @classmethod
    def mean(cls, several: Sequence[Coefficients]) -> Coefficients:
        """Return the mean of several."""
        weights = np.mean([each.weights for each in several], axis=0)
        return cls(weights, np.mean([each.bias for each in several], axis=0))

    def __add__(self, other: Coefficients) -> Coefficients:
        return Coefficients(self.weights + other.weights, self.bias + other.bias)

    def __sub__(self, other: Coefficients) -> Coefficients:
        return Coefficients(self.weights - other.weights, self.bias - other.bias)

    def unstandardized(self, spread: Spread) -> Coefficients:
        """Return what gives the same logits for features that are not standardized."""
        weights = self.weights / spread.deviation[:, None]
        return Coefficients(weights, self.bias - spread.mean @ weights)

    def probabilities(self, features: Floats) -> Doubles:
        """Return probabilities, float64 ``(n, classes)``, of features ``(n, d)``."""
        logits = (features @ self.weights.astype(np.float32)).astype(np.float64) + self.bias
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        return np.asarray(logits / logits.sum(axis=1, keepdims=True))
