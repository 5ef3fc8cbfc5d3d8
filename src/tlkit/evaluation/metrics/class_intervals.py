"""Bootstrap intervals of the F1 of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.metrics import scores
from tlkit.evaluation.metrics.bootstrap import check_settings, resampled

if TYPE_CHECKING:
    from tlkit.evaluation.evaluation import Evaluation

_AT_ONCE = 20_000_000  # numbers; bounds the memory for thousands of classes


def f1_intervals(
    evaluation: Evaluation, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Floats:
    """Percentile interval of each class's F1, with images resampled within their class.

    Args:
        evaluation: The predictions.
        level: Share of the resamples inside, between 0 and 1.
        resamples: Number of resamples, at least 100; fewer are drawn, but no less than 200, where
            there are more than 10,000 classes.
        seed: Start of the random numbers.

    Returns:
        Shape (classes, 2): lower and upper end.

    Raises:
        EvaluationError: If an argument is out of its range.
    """
    check_settings(level, resamples)
    fitting = max(200, _AT_ONCE // len(evaluation.class_names))
    counts = resampled(evaluation.confusion, min(resamples, fitting), seed)
    ends = np.quantile(scores.f1(counts), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.asarray(ends.T)
