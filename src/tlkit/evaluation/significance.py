"""Could this difference be chance: exact and bootstrap p values, and their correction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit.evaluation.checks import Floats


def mcnemar_exact(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Exact two-sided p of two models being right equally often on the same images.

    ``min(1, 2 * P(Binomial(b + c, 1/2) <= min(b, c)))`` with b and c the numbers of images that
    only the first and only the second gets right. Source: Q. McNemar, Psychometrika 12, 1947.

    Args:
        first: Which images the first model gets right, shape (n,).
        second: The same for the second model.
    """
    ones = int((first & ~second).sum()), int((second & ~first).sum())
    total, fewer = sum(ones), min(ones)
    scale = math.lgamma(total + 1) - total * math.log(2)
    terms = (scale - math.lgamma(i + 1) - math.lgamma(total - i + 1) for i in range(fewer + 1))
    return min(1.0, 2 * math.fsum(map(math.exp, terms)))


def two_sided(differences: Floats) -> float:
    """Bootstrap p of "no difference", from the differences of the resamples.

    ``min(1, 2 * (1 + resamples on the rarer side of 0) / (resamples + 1))``; the 1 keeps a p value
    from being 0. Source: A. C. Davison and D. V. Hinkley, "Bootstrap Methods", 1997, section 4.2.
    """
    rarer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (len(differences) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given.

    ``max over j <= i of min(1, (m - j) * p_(j))`` with ``p_(0) <= p_(1) <= ...`` the m sorted
    values. Source: S. Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
