"""Scores of one model by scikit-learn, and of many resamples at a time.

`point` asks scikit-learn. The bootstrap needs the same scores of thousands of confusion matrices
in a second, so the functions below take counts of shape (..., k, k) or their sums, truth in rows
and prediction in columns, and return one value for each leading index. Tests hold the two equal
to 1e-12. Conventions are scikit-learn's: an F1 or recall without a denominator is 0; macro F1 and
balanced accuracy leave out classes as ``f1_score`` and ``balanced_accuracy_score`` do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.checks import Floats, Ints


@dataclass(frozen=True)
class Counts:
    """What the scores need of a confusion matrix.

    Args:
        hits: Rightly predicted images of each class, shape (..., k).
        truth: Images of each class, shape (..., k).
        predicted: Predictions of each class, shape (..., k).
    """

    hits: Ints
    truth: Ints
    predicted: Ints

    @classmethod
    def of(cls, confusion: Ints) -> Counts:
        """Counts of a matrix of shape (..., k, k)."""
        hits = np.diagonal(confusion, axis1=-2, axis2=-1)
        return cls(hits, confusion.sum(axis=-1), confusion.sum(axis=-2))


def f1(counts: Counts) -> Floats:
    """F1 of each class, ``2 hits / (truth + predicted)``, shape (..., k)."""
    return _ratio(2 * counts.hits, counts.truth + counts.predicted)


def recall(counts: Counts) -> Floats:
    """Recall of each class, ``hits / truth``, shape (..., k)."""
    return _ratio(counts.hits, counts.truth)


def weighted_f1(counts: Counts) -> Floats:
    """Mean of the classes' F1, weighted by their number of images."""
    return np.asarray((f1(counts) * counts.truth).sum(-1) / counts.truth.sum(-1))


def macro_f1(counts: Counts) -> Floats:
    """Plain mean of the F1 of the classes that occur in the truth or among the predictions."""
    occurs = (counts.truth + counts.predicted) > 0
    return np.asarray(f1(counts).sum(-1) / occurs.sum(-1))


def accuracy(counts: Counts) -> Floats:
    """Share of images whose class is predicted."""
    return np.asarray(counts.hits.sum(-1) / counts.truth.sum(-1))


def balanced_accuracy(counts: Counts) -> Floats:
    """Mean recall of the classes that occur in the truth."""
    return np.asarray(recall(counts).sum(-1) / (counts.truth > 0).sum(-1))


SCORES: dict[str, Callable[[Counts], Floats]] = {
    "weighted_f1": weighted_f1,
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
}


def point(metric: str, truth: Ints, predictions: Ints) -> float:
    """Score one model's predictions with scikit-learn.

    Args:
        metric: A name in `SCORES`.
        truth: Class numbers, shape (n,).
        predictions: Predicted class numbers, shape (n,).

    Returns:
        The score, 0..1.
    """
    from sklearn import metrics

    if metric == "accuracy":
        return float(metrics.accuracy_score(truth, predictions))
    if metric == "balanced_accuracy":
        # As balanced_accuracy_score, which warns of predicted classes that are not in the truth.
        labels = np.unique(truth)
        return float(metrics.recall_score(truth, predictions, labels=labels, average="macro"))
    average = metric.removesuffix("_f1")
    return float(metrics.f1_score(truth, predictions, average=average, zero_division=0.0))


def score_named(metric: str) -> Callable[[Counts], Floats]:
    """The score of that name.

    Raises:
        EvaluationError: If there is none.
    """
    if metric in SCORES:
        return SCORES[metric]
    raise EvaluationError(f"metric={metric!r} is not known; expected one of {', '.join(SCORES)}.")


def _ratio(top: Ints, bottom: Ints) -> Floats:
    return np.divide(top, bottom, out=np.zeros(np.shape(top), np.float64), where=bottom > 0)
