"""Means of scores of several trainings on overlapping images, and what may be said of them.

The trainings of a cross-validation share most of their images, so that their scores vary together,
and the usual standard error ``s / sqrt(J)`` of J of them is too small. Nadeau and Bengio,
"Inference for the Generalization Error", Machine Learning 52, 2003, doi 10.1023/A:1024068626366,
take ``s * sqrt(1 / J + n_test / n_train)``, with Student's t at J - 1 degrees of freedom: their
corrected resampled t-test. That repeated k-fold cross-validations may be taken so: Bouckaert and
Frank, "Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms",
PAKDD 2004.
"""

from __future__ import annotations

import math

from tlkit.evaluation.arrays import Floats


def standard_error(scores: Floats, ratio: float) -> float:
    """Return the corrected standard error of the mean.

    Args:
        scores: Of J trainings, or differences of them, any shape.
        ratio: Images that a training is scored on, to images that it is trained on.
    """
    return float(math.sqrt(1 / scores.size + ratio) * scores.std(ddof=1))


def t_interval(
    mean: float, error: float, trainings: int, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of a mean, by Student's t."""
    from scipy.stats import t

    half = float(t.ppf(0.5 + level / 2, trainings - 1)) * error
    return mean - half, mean + half


def p_value(mean: float, error: float, trainings: int) -> float:
    """Return the two-sided p of a true mean of 0.

    Where all trainings differ by the same, the spread tells nothing; the p is then that of their
    signs, ``2 ** (1 - J)``, or 1 where they do not differ at all.
    """
    from scipy.stats import t

    if error < 1e-12:  # two sums of the same numbers in another order can differ by less
        return 1.0 if abs(mean) < 1e-12 else float(2.0 ** (1 - trainings))
    return float(2 * t.sf(abs(mean) / error, trainings - 1))
