"""Scores of one model, and of many resamples at a time.

A score is either a function of the confusion matrix or the mean of one value per image. The first
kind takes counts of shape (..., k, k) or their sums, truth in rows and prediction in columns, and
returns one value for each leading index, so that the bootstrap scores thousands of resamples in a
second. Names and conventions are scikit-learn's, and tests hold the values equal to 1e-12: an F1
or recall without a denominator is 0; macro F1 and balanced accuracy leave out classes as
``f1_score`` and ``balanced_accuracy_score`` do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics import per_image


@dataclass(frozen=True)
class Counts:
    """What the scores need of a confusion matrix; smoothed counts need not be whole.

    Args:
        hits: Rightly predicted images of each class, shape (..., k).
        truth: Images of each class, shape (..., k).
        predicted: Predictions of each class, shape (..., k).
    """

    hits: Ints | Floats
    truth: Ints | Floats
    predicted: Ints | Floats

    @classmethod
    def of(cls, confusion: Ints | Floats) -> Counts:
        """Return the counts of a matrix of shape (..., k, k)."""
        hits: Ints | Floats = confusion.diagonal(axis1=-2, axis2=-1)
        truth: Ints | Floats = confusion.sum(axis=-1)
        return cls(hits, truth, confusion.sum(axis=-2))

    @classmethod
    def of_predictions(cls, truth: Ints, predictions: Ints, classes: int) -> Counts:
        """Return the counts of class numbers, both of shape (n,)."""
        groups = (truth[truth == predictions], truth, predictions)
        return cls(*(np.bincount(group, minlength=classes) for group in groups))


@dataclass(frozen=True)
class Metric:
    """A score that has an interval; it has one of the two functions.

    Args:
        name: As in ``interval(name)``.
        of_counts: From counts (..., k) to the score (...).
        of_images: From probabilities (n, k) and labels (n,) to values (n,), whose mean it is.
        lower_is_better: Whether it is a loss.
        is_share: Whether it is the share of images for which something holds.
        highest: The largest value that an image can have; None where it is out of all proportion.
    """

    name: str
    of_counts: Callable[[Counts], Floats] | None = None
    of_images: Callable[[Floats, Ints], Floats] | None = None
    lower_is_better: bool = False
    is_share: bool = False
    highest: float | None = None

    @property
    def words(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ").replace("f1", "F1")


def f1(counts: Counts) -> Floats:
    """Return the F1 of each class, ``2 hits / (truth + predicted)``, shape (..., k)."""
    return ratio(2 * counts.hits, counts.truth + counts.predicted)


def recall(counts: Counts) -> Floats:
    """Return the recall of each class, ``hits / truth``, shape (..., k)."""
    return ratio(counts.hits, counts.truth)


def weighted_f1(counts: Counts) -> Floats:
    """Return the mean of the classes' F1, weighted by their number of images."""
    return np.asarray((f1(counts) * counts.truth).sum(-1) / counts.truth.sum(-1))


def macro_f1(counts: Counts) -> Floats:
    """Return the plain mean F1 of the classes that occur in the truth or the predictions."""
    occurs = (counts.truth + counts.predicted) > 0
    return np.asarray(f1(counts).sum(-1) / occurs.sum(-1))


def accuracy(counts: Counts) -> Floats:
    """Return the share of images whose class is predicted."""
    return np.asarray(counts.hits.sum(-1) / counts.truth.sum(-1))


def balanced_accuracy(counts: Counts) -> Floats:
    """Return the mean recall of the classes that occur in the truth."""
    return np.asarray(recall(counts).sum(-1) / (counts.truth > 0).sum(-1))


def cohen_kappa(counts: Counts) -> Floats:
    """Return agreement beyond chance, ``(a - e) / (1 - e)``; NaN where there is one class only.

    With a the accuracy and e the share that would agree by chance, ``sum over classes of
    truth * predicted / n^2``. Source: J. Cohen, Educational and Psychological Measurement 20, 1960.
    """
    images = counts.truth.sum(-1)
    chance = (counts.truth.astype(np.float64) * counts.predicted).sum(-1)
    room = np.asarray(images.astype(np.float64) ** 2 - chance)
    beyond = np.asarray(counts.hits.sum(-1) * images - chance, np.float64)
    undefined = np.full(room.shape, np.nan)
    return np.asarray(np.divide(beyond, room, out=undefined, where=room > 0))


SCORES: dict[str, Callable[[Counts], Floats]] = {
    "weighted_f1": weighted_f1,
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "cohen_kappa": cohen_kappa,
}
LOSSES: dict[str, Callable[[Floats, Ints], Floats]] = {
    "log_loss": per_image.log_losses,
    "brier_score": per_image.brier_scores,
}


def metric_named(name: str, classes: int) -> Metric:
    """Return the metric of that name.

    Args:
        name: In `SCORES` or `LOSSES`, or ``"top_<k>"`` such as ``"top_5"``.
        classes: Number of classes, the largest ``k``.

    Raises:
        EvaluationError: If there is none.
    """
    if name in SCORES:
        return Metric(name, of_counts=SCORES[name], is_share=name == "accuracy")
    if name in LOSSES:
        # A log loss goes up to 36, where the truth has no probability at all.
        highest = {"brier_score": 1.0 if classes == 2 else 2.0}.get(name)
        return Metric(name, of_images=LOSSES[name], lower_is_better=True, highest=highest)
    k = re.fullmatch(r"top_(\d+)", str(name))
    if k is not None:
        return Metric(name, of_images=_top_k(checked_k(int(k[1]), classes)), is_share=True)
    raise EvaluationError(
        f"metric={name!r} is not known; expected one of {', '.join([*SCORES, *LOSSES])}, or top_1 "
        f".. top_{classes}. A calibration error or ROC AUC has no interval: resamples shift the "
        "one and take too long for the other."
    )


def checked_k(k: int, classes: int) -> int:
    """Return the k of "top k".

    Raises:
        EvaluationError: If it is not in 1 .. classes.
    """
    if 1 <= k <= classes:
        return k
    raise EvaluationError(f"k={k!r}: expected 1 .. {classes} classes.")


def _top_k(k: int) -> Callable[[Floats, Ints], Floats]:
    def hits(probabilities: Floats, labels: Ints) -> Floats:
        return (per_image.ranks(probabilities, labels) < k).astype(np.float64)

    return hits


def ratio(top: Ints | Floats, bottom: Ints | Floats) -> Floats:
    """Return quotients, 0 where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.zeros(np.shape(top), np.float64), where=bottom > 0)
