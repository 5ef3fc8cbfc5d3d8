"""Exact intervals of the F1 of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.metrics.bootstrap import check_settings
from tlkit.evaluation.metrics.intervals import of_shares
from tlkit.evaluation.metrics.label_scores import label_counts
from tlkit.evaluation.metrics.scores import Counts

if TYPE_CHECKING:
    from tlkit.evaluation.evaluating import AnyEvaluation


def f1_intervals(evaluation: AnyEvaluation, level: float = 0.95) -> Floats:
    """Return an exact interval of each class's or label's F1: it covers at least as often as asked.

    Of the images that are of a class or predicted as it, some are both, and their share ``J`` (the
    Jaccard index) has Clopper and Pearson's interval. F1 is ``2 J / (1 + J)``, at the ends too. So
    a class with all of its 5 images right reaches from 0.65 to 1, and one that occurs nowhere can
    be anything from 0 to 1.

    Args:
        evaluation: The predictions.
        level: How often the interval is right, between 0 and 1.

    Returns:
        Lower and upper end, shape (classes, 2).

    Raises:
        EvaluationError: If the level is out of its range.
    """
    check_settings(level)
    if evaluation.y_true.ndim == 2:
        counts = label_counts(evaluation.y_true, evaluation.predictions)
    else:
        pair = (evaluation.y_true, evaluation.predictions)
        counts = Counts.of_predictions(*pair, len(evaluation.class_names))
    either = counts.truth + counts.predicted - counts.hits
    shares = np.stack(of_shares(counts.hits, either, level), axis=1)
    return np.asarray(2 * shares / (1 + shares))
