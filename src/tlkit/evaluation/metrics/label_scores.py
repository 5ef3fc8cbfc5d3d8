"""Scores of any number of labels for each image, with scikit-learn's names and conventions.

A score is either a function of what is counted for each label, or the mean of one value for each
image. An F1 without a denominator is 0, as in scikit-learn's ``f1_score`` of a label matrix: so a
label that no image has, and none is given, counts as 0 in the macro F1, and an image without labels
that is given none as 0 in the samples F1. Tests hold the values equal to 1e-12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics.scores import Counts, f1, ratio


@dataclass(frozen=True)
class LabelMetric:
    """A score of a label matrix; it has one of the two functions.

    Args:
        name: As in ``interval(name)``.
        of_counts: From counts of each label, (..., k), to the score (...).
        of_images: From probabilities, truth and predictions, each (n, k), to values (n,), whose
            mean it is.
        lower_is_better: Whether it is a loss.
        is_share: Whether it is the share of images for which something holds.
        highest: The largest value that an image can have; None where it is out of all proportion.
    """

    name: str
    of_counts: Callable[[Counts], Floats] | None = None
    of_images: Callable[[Floats, Ints, Ints], Floats] | None = None
    lower_is_better: bool = False
    is_share: bool = False
    highest: float | None = 1.0


def label_counts(truth: Ints, predictions: Ints) -> Counts:
    """Return what is counted for each label, (k,), of matrices (n, k)."""
    return Counts((truth & predictions).sum(0), truth.sum(0), predictions.sum(0))


def micro_f1(counts: Counts) -> Floats:
    """Return the F1 of all decisions together, ``2 hits / (truth + predicted)``."""
    return ratio(2 * counts.hits.sum(-1), (counts.truth + counts.predicted).sum(-1))


def macro_f1(counts: Counts) -> Floats:
    """Return the plain mean of all labels' F1."""
    return np.asarray(f1(counts).mean(-1))


def weighted_f1(counts: Counts) -> Floats:
    """Return the mean of the labels' F1, weighted by how many images have them."""
    return ratio((f1(counts) * counts.truth).sum(-1), counts.truth.sum(-1))


def samples_f1(probabilities: Floats, truth: Ints, predictions: Ints) -> Floats:  # noqa: ARG001
    """Return the F1 of each image's labels, (n,)."""
    both = truth.sum(axis=1) + predictions.sum(axis=1)
    return ratio(2 * (truth & predictions).sum(axis=1), both)


def subset_right(probabilities: Floats, truth: Ints, predictions: Ints) -> Floats:  # noqa: ARG001
    """Return 1 for each image all of whose labels are right, else 0, (n,)."""
    return np.asarray((truth == predictions).all(axis=1), np.float64)


def hamming_losses(probabilities: Floats, truth: Ints, predictions: Ints) -> Floats:  # noqa: ARG001
    """Return the share of each image's labels that are wrong, (n,)."""
    return np.asarray((truth != predictions).mean(axis=1))


def log_losses(
    probabilities: Floats,
    truth: Ints,
    predictions: Ints | None = None,  # noqa: ARG001
) -> Floats:
    """Return the mean over labels of ``-log(probability of what is true)``, (n,), clipped.

    The binary cross-entropy of each image; probabilities are clipped at the float64 epsilon.
    """
    given: NDArray[np.float64] = np.where(truth == 1, probabilities, 1 - probabilities)
    tiny = np.finfo(np.float64).eps
    return np.asarray(-np.log(np.clip(given, tiny, 1 - tiny)).mean(axis=1))


def precision(counts: Counts) -> Floats:
    """Return the share of each label's predictions that are right, (..., k)."""
    return ratio(counts.hits, counts.predicted)


METRICS: dict[str, LabelMetric] = {
    metric.name: metric
    for metric in (
        LabelMetric("weighted_f1", of_counts=weighted_f1),
        LabelMetric("macro_f1", of_counts=macro_f1),
        LabelMetric("micro_f1", of_counts=micro_f1),
        LabelMetric("samples_f1", of_images=samples_f1),
        LabelMetric("subset_accuracy", of_images=subset_right, is_share=True),
        LabelMetric("hamming_loss", of_images=hamming_losses, lower_is_better=True),
        LabelMetric("log_loss", of_images=log_losses, lower_is_better=True, highest=None),
    )
}


def label_metric_named(name: str) -> LabelMetric:
    """Return the metric of that name.

    Raises:
        EvaluationError: There is none.
    """
    if name in METRICS:
        return METRICS[name]
    raise EvaluationError(
        f"metric={name!r} is none of images with any number of labels; expected one of "
        f"{', '.join(METRICS)}. ROC AUC and average precision have no interval: resamples of them "
        "take too long."
    )


def best_thresholds(probabilities: Floats, truth: Ints) -> Floats:
    """Return for each label the threshold of the highest F1 on these images, (k,).

    Thresholds lie in the middle between two probabilities that occur; of equal F1 the one nearest
    to 0.5 is taken, and 0.5 itself for a label that no image has. Source: Z. C. Lipton, C. Elkan
    and B. Narayanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML PKDD
    2014.

    Args:
        probabilities: (n, k), 0..1.
        truth: (n, k), 0 or 1.

    Example:
        >>> best_thresholds(np.array([[0.1], [0.2], [0.3], [0.4]]), np.array([[0], [0], [1], [1]]))
        array([0.25])
    """
    columns = range(truth.shape[1])
    return np.array([_best_threshold(probabilities[:, c], truth[:, c]) for c in columns])


def _best_threshold(scores: Floats, truth: Ints) -> float:
    if not truth.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    sorted_scores = np.append(scores[order], 0.0)
    hits, given = np.cumsum(truth[order]), np.arange(1, len(truth) + 1)
    found = 2 * hits / (given + truth.sum())
    between = (sorted_scores[:-1] + sorted_scores[1:]) / 2
    # Equal probabilities are all given the label or none; the last may have all images given it.
    cuts = (np.diff(sorted_scores) < 0) | (given == len(truth))
    best = cuts & (found >= found[cuts].max() - 1e-12)
    return float(min(between[best], key=lambda threshold: abs(threshold - 0.5)))
