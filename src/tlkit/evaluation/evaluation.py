"""Evaluation: everything that labels and probabilities say about a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tlkit._printing import Printed
from tlkit.data.class_names import numbered_as
from tlkit.errors import EvaluationError
from tlkit.evaluation import _single_images as images
from tlkit.evaluation._checked_input import checked_labels
from tlkit.evaluation._scored_predictions import ScoredPredictions
from tlkit.evaluation._tables import (
    Confusion,
    PerClass,
    as_dict,
    class_scores,
    mistakes,
    normalized,
    summary_text,
)
from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.metrics import scores
from tlkit.evaluation.predict import LabelledImages


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(ScoredPredictions, Printed):
    """Scores of stored predictions, with scikit-learn's names and conventions.

    Made by `from_predictions`, `load` or `evaluate`, which check what goes in.

    Args:
        y_true: Class numbers, int64 of shape (n,).
        probabilities: float64 of shape (n, classes), rows sum to one.
        class_names: One name per class.
        image_names: What each image is called; None if unknown.
        image_digests: Digest of each image's content, uint8 of shape (n, bytes); None if unknown.
    """

    @cached_property
    def per_class(self) -> PerClass:
        """Precision, recall, F1 and number of images of each class; prints as a table."""
        return class_scores(self.y_true, self.predictions, self.class_names)

    def normalized_confusion(self, normalize: str = "true") -> Floats:
        """Return the confusion matrix as shares, float64 of shape (k, k).

        Args:
            normalize: What sums to one, as in scikit-learn's ``confusion_matrix``: "true" each row,
                "pred" each column, "all" the whole. Rows or columns without images stay 0.

        Raises:
            EvaluationError: If it is none of these.
        """
        return normalized(self.confusion, normalize)

    def most_confused(self, n: int = 10) -> tuple[Confusion, ...]:
        """Return the ``n`` most frequent confusions, most frequent first, or all if fewer."""
        return mistakes(self.confusion, self.class_names)[: max(n, 0)]

    def top_losses(self, n: int = 10) -> tuple[images.ImagePrediction, ...]:
        """Return the ``n`` images of highest log loss, highest first; of equals, the first."""
        return images.top_losses(self, n)

    def most_uncertain(self, n: int = 10, by: str = "margin") -> tuple[images.ImagePrediction, ...]:
        """Return the ``n`` images of which the model is least sure, least sure first.

        Args:
            n: How many; fewer if there are fewer.
            by: "margin" for the smallest difference of the two largest probabilities, "entropy" for
                the largest entropy of all of them.

        Raises:
            EvaluationError: If ``by`` is neither.
        """
        return images.most_uncertain(self, n, by)

    def baseline(self, training_labels: ArrayLike | LabelledImages | None = None) -> Evaluation:
        """Return what always answering the most frequent class would score on these images.

        Args:
            training_labels: What to count: the data set of the training, whose classes are matched
                by name; or class numbers as this evaluation counts them. None counts the labels of
                these images.

        Returns:
            An evaluation with probability 1 for that class; of equals, the first.

        Raises:
            EvaluationError: A label is no class of this evaluation.
        """
        classes, labels = len(self.class_names), self.y_true
        given: Any = training_labels
        if hasattr(given, "class_names"):
            labels = numbered_as(self.class_names, given, error=EvaluationError)
        elif given is not None:
            labels = checked_labels(given, np.size(given), classes)
        answer = np.zeros(classes)
        answer[np.bincount(labels, minlength=classes).argmax()] = 1
        rows = np.tile(answer, (len(self), 1))
        return Evaluation(self.y_true, rows, self.class_names, self.image_names, self.image_digests)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the predictions themselves, in types that JSON knows; NaN is None."""
        return as_dict(self, self.per_class, [*scores.SCORES, *scores.LOSSES])

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def summary(self) -> str:
        """Return the main scores beside the most-frequent-class baseline, as lines of text."""
        scored = [*scores.SCORES, *scores.LOSSES]
        return summary_text(self, self.per_class, self.baseline(), scored)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return (
            f"Evaluation({len(self)} images, {len(self.class_names)} classes, "
            f"weighted_f1={self.weighted_f1:.4f}, accuracy={self.accuracy:.4f})"
        )
