"""Intervals of a single score: shares, means over images, and scores of the confusion matrix.

What an interval of 95 % means: of all the test sets that could have been drawn, 95 % give an
interval that holds the value that endless images of the same kind would give this very model. A
percentile bootstrap keeps that promise only where each class has many images and mistakes: 20 right
ones of 20 come out as "between 1 and 1". The three ways here keep it with few of both, by proof or
by simulation; ``tests/evaluation/test_coverage.py`` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics._slopes import SLOPES
from tlkit.evaluation.metrics._smoothed import Smoothed
from tlkit.evaluation.metrics.scores import Counts

Interval = tuple[float, float]

_DRAWN_AT_ONCE = 4_000_000  # numbers; bounds the memory


def of_shares(hits: Ints | Floats, images: Ints | Floats, level: float) -> tuple[Floats, Floats]:
    """Return Clopper and Pearson's exact interval of ``hits`` of ``images``.

    Lower and upper end are the quantiles ``(1 - level) / 2`` of Beta(hits, images - hits + 1) and
    ``(1 + level) / 2`` of Beta(hits + 1, images - hits); 0 and 1 where a parameter would be 0. The
    true share is covered no less often than ``level`` asks.
    Source: C. J. Clopper and E. S. Pearson, Biometrika 26, 1934.

    Args:
        hits: Shape (...).
        images: Of the same shape; without images the interval is 0..1.
        level: Between 0 and 1.
    """
    from scipy.special import betaincinv

    missed, tail = images - hits, (1 - level) / 2
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), missed + 1, tail), 0.0)
    high = np.where(missed > 0, betaincinv(hits + 1, np.maximum(missed, 1), 1 - tail), 1.0)
    return np.asarray(low, np.float64), np.asarray(high, np.float64)


def of_mean(values: Floats, highest: float, level: float, resamples: int, seed: int) -> Interval:
    """Return a mean's interval, by a Bayesian bootstrap with one image more; no value is below 0.

    The images get random weights, those of a uniform draw from all weights that sum to 1. One more
    image stands for all that were not drawn: it has the value 0 for the lower end and ``highest``
    for the upper. With a true bound as ``highest``, this is the interval of N. Gaffke, "Three test
    statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable",
    Mathematical Methods of Statistics 14, 2005, for which no distribution is known that it covers
    too rarely, and which for values of 0 and 1 is Clopper and Pearson's. The bootstrap itself is D.
    B. Rubin's, Annals of Statistics 9, 1981.

    Args:
        values: Of each image, shape (n,).
        highest: The value of the image more, at least the largest of the values.
        level: Between 0 and 1.
        resamples: Number of draws of the weights.
        seed: Start of the random numbers.
    """
    random = np.random.default_rng(seed)
    sums, more = np.empty(resamples), np.empty(resamples)
    step = max(1, _DRAWN_AT_ONCE // (len(values) + 1))
    for start in range(0, resamples, step):
        weights = random.standard_exponential((min(step, resamples - start), len(values) + 1))
        part, all_weights = slice(start, start + len(weights)), weights.sum(axis=1)
        sums[part] = weights[:, :-1] @ values / all_weights
        more[part] = weights[:, -1] / all_weights
    mean = float(values.mean())
    low = float(np.quantile(sums, (1 - level) / 2))
    high = float(np.quantile(sums + more * highest, (1 + level) / 2))
    return min(low, mean), max(high, mean)


def of_counts(
    name: str,
    score: Callable[[Counts], Floats],
    truth: Ints,
    predictions: Ints,
    classes: int,
    level: float,
) -> Interval:
    """Return the interval of a score of counts, by the delta method on smoothed counts.

    For one class alone this is A. Agresti and B. A. Coull's "add two right and two wrong ones", The
    American Statistician 52, 1998:

    1. ``z^2 / 2`` right and as many wrong images are spread evenly over the classes that occur, z
       being the normal quantile. Wrong ones are predicted as others were. Source: R. M. Price and
       D. G. Bonett, "An improved confidence interval for a linear function of binomial
       proportions", Computational Statistics & Data Analysis 45, 2004.
    2. The score of these counts and the observed one are the ends of the middle.
    3. The interval reaches z standard errors further on both sides, and upwards by the bias that F1
       has where a class has few images. The errors are those of the delta method (see ``_slopes``),
       with each class's share of right ones drawn to the classes' mean share by two images, as one
       image, right or wrong, does not show how a class scatters.

    No proof is known for few images; simulated coverage is at least 0.93.

    Args:
        name: In ``SLOPES``.
        score: The score of counts.
        truth: Class numbers, shape (n,).
        predictions: Predicted class numbers, shape (n,).
        classes: Number of classes.
        level: Between 0 and 1.

    Returns:
        Lower and upper end; NaN where the score is undefined.
    """
    observed = Counts.of_predictions(truth, predictions, classes)
    estimate = float(score(observed))
    if np.isnan(estimate):
        return estimate, estimate
    # Recall knows nothing of classes that are predicted only.
    there = observed.truth + (0 if name == "balanced_accuracy" else observed.predicted) > 0
    z = NormalDist().inv_cdf((1 + level) / 2)
    smoothed = Smoothed(truth, predictions, observed, np.flatnonzero(there), z**2 / 2)
    centre = float(score(smoothed.counts))
    slopes = SLOPES[name](smoothed.pooled)
    reach = z * smoothed.standard_error(slopes.hits, slopes.truth, slopes.predicted)
    lowest = -1.0 if name == "cohen_kappa" else 0.0
    low = max(min(centre, estimate) - reach, lowest)
    return low, min(max(centre, estimate) + reach - slopes.bias, 1.0)
