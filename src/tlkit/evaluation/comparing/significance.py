"""Could this difference be chance: exact p values, and their correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tlkit.evaluation.arrays import Floats

_POWER = 0.8
_ROUNDING = 1e-12  # two sums of the same numbers in another order can differ by less


def mcnemar_exact(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the exact two-sided p of two models being right equally often on the same images.

    ``min(1, 2 * P(Binomial(b + c, 1/2) <= min(b, c)))`` with b and c the numbers of images that
    only the first and only the second gets right. Source: Q. McNemar, Psychometrika 12, 1947.

    Args:
        first: Which images the first model gets right, shape (n,).
        second: The same for the second model.
    """
    from scipy.stats import binomtest  # half a second to import

    ones = int((first & ~second).sum()), int((second & ~first).sum())
    return float(binomtest(min(ones), sum(ones)).pvalue) if any(ones) else 1.0


def two_sided(difference: float, swapped: Floats) -> float:
    """Return the p of "no difference": how often swapped answers differ as much, either way.

    ``min(1, 2 * (1 + swaps that differ by the difference or more) / (swaps + 1))``; the 1 keeps a p
    value from being 0, and the test exact. Source: A. C. Davison and D. V. Hinkley, "Bootstrap
    Methods", 1997, section 4.3.

    Args:
        difference: As observed, 0 or more.
        swapped: Differences after swaps, of shape (swaps,); they scatter evenly around 0.
    """
    if difference < _ROUNDING:
        return 1.0
    as_much = int((swapped >= difference - _ROUNDING).sum())
    return min(1.0, 2 * (1 + as_much) / (len(swapped) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given.

    ``max over j <= i of min(1, (m - j) * p_(j))`` with ``p_(0) <= p_(1) <= ...`` the m sorted
    values. Source: S. Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def further_images(difference: float, error: float, images: int, alpha: float) -> int | None:
    """Return how many more images would show a difference of this size with 80 % power.

    The standard error falls with the square root of the number of images, so ``n * ((z(1 - alpha /
    2) + z(power)) * error / difference)^2`` images are needed in all, z being the quantiles of the
    normal distribution. Source: J. M. Lachin, "Introduction to Sample Size Determination and Power
    Analysis for Clinical Trials", Controlled Clinical Trials 2, 1981.

    Args:
        difference: As observed, taken for the true one.
        error: Its standard error on these images.
        images: Their number.
        alpha: Error allowed in the two-sided test, 0..1.

    Returns:
        At least 1; None if the difference is 0, as then no number is enough.
    """
    if difference < _ROUNDING:
        return None
    return max(1, math.ceil(images * ((error / error_to_show(difference, alpha)) ** 2 - 1)))


def error_to_show(difference: float, alpha: float) -> float:
    """Return the standard error at which a difference is shown with 80 % power.

    ``difference / (z(1 - alpha / 2) + z(power))``; see `further_images`.
    """
    normal = NormalDist()
    return difference / (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(_POWER))


def average_ranks(scores: Floats) -> list[float]:
    """Return each model's mean rank over resamples, 1 for the highest score; equals share ranks.

    Args:
        scores: Shape (models, resamples); higher is better.
    """
    higher = (scores[None] > scores[:, None]).sum(axis=1)
    equal = (scores[None] == scores[:, None]).sum(axis=1)
    ranks: list[float] = (higher + (equal + 1) / 2).mean(axis=1).tolist()
    return ranks
