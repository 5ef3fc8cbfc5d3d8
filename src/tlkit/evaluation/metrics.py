"""Evaluation: everything that labels and probabilities say about a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tlkit.errors import EvaluationError
from tlkit.evaluation import scores
from tlkit.evaluation.bootstrap import check_settings, percentiles, resampled
from tlkit.evaluation.checks import (
    Floats,
    Ints,
    checked_labels,
    checked_names,
    checked_probabilities,
)
from tlkit.evaluation.predict import predicted_probabilities
from tlkit.evaluation.tables import (
    Confusion,
    PerClass,
    as_dict,
    class_scores,
    mistakes,
    summary_text,
)


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Scores of stored predictions, with scikit-learn's names and conventions.

    Made by :meth:`from_predictions` or :func:`evaluate`, which check what goes in.

    Args:
        y_true: Class numbers, int64 of shape (n,).
        probabilities: float64 of shape (n, classes), rows sum to one.
        class_names: One name per class.
        image_names: What each image is called; None if unknown.
    """

    y_true: Ints
    probabilities: Floats
    class_names: tuple[str, ...]
    image_names: tuple[str, ...] | None = None

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        probabilities: ArrayLike,
        class_names: Sequence[str] | None = None,
        *,
        image_names: Sequence[str] | None = None,
    ) -> Evaluation:
        """Checks labels and probabilities and takes them over.

        Args:
            y_true: Class numbers, whole, shape (n,), in 0 .. classes - 1.
            probabilities: Shape (n, classes), values in [0, 1]. Rows must sum to one within 0.01
                and are scaled so that they do exactly.
            class_names: One name per class; None names them by number.
            image_names: What each image is called, n names or None.

        Raises:
            EvaluationError: If something does not fit; the message says what and where.

        Example:
            >>> from tlkit import Evaluation
            >>> rows = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
            >>> round(Evaluation.from_predictions([0, 1, 1], rows).weighted_f1, 4)
            0.6667
        """
        rows = checked_probabilities(probabilities)
        labels = checked_labels(y_true, *rows.shape)
        if image_names is not None and len(image_names) != len(labels):
            raise EvaluationError(
                f"there are {len(image_names)} image names and {len(labels)} images."
            )
        rows.setflags(write=False)
        labels.setflags(write=False)
        names = None if image_names is None else tuple(image_names)
        return cls(labels, rows, checked_names(class_names, rows.shape[1]), names)

    def __len__(self) -> int:
        return len(self.y_true)

    @cached_property
    def predictions(self) -> Ints:
        """Most probable class of each image, int64 of shape (n,); of equals, the first."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def confusion(self) -> Ints:
        """Number of images by true class (row) and predicted class (column), int64 (k, k)."""
        from sklearn.metrics import confusion_matrix

        labels = range(len(self.class_names))
        return np.asarray(confusion_matrix(self.y_true, self.predictions, labels=labels), np.int64)

    @property
    def weighted_f1(self) -> float:
        """F1 of the classes, weighted by their number of images, 0..1."""
        return self._score("weighted_f1")

    @property
    def macro_f1(self) -> float:
        """Plain mean of F1 over the classes that occur in truth or predictions, 0..1."""
        return self._score("macro_f1")

    @property
    def accuracy(self) -> float:
        """Share of images whose class is predicted, 0..1."""
        return self._score("accuracy")

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall over the classes that occur in the truth, 0..1."""
        return self._score("balanced_accuracy")

    @property
    def log_loss(self) -> float:
        """Mean of ``-log(probability of the true class)``, clipped at the float64 epsilon."""
        from sklearn.metrics import log_loss

        labels = range(len(self.class_names))
        return float(log_loss(self.y_true, self.probabilities, labels=labels))

    def top_k(self, k: int) -> float:
        """Share of images whose class is among the ``k`` most probable, 0..1.

        Of equally probable classes the later one counts as more probable, as in scikit-learn's
        ``top_k_accuracy_score``.

        Raises:
            EvaluationError: If ``k`` is not in 1 .. number of classes.
        """
        if not 1 <= k <= len(self.class_names):
            raise EvaluationError(f"k={k!r}: expected 1 .. {len(self.class_names)} classes.")
        true = self._true_probability[:, None]
        later = np.arange(len(self.class_names)) > self.y_true[:, None]
        ahead = (self.probabilities > true) | ((self.probabilities == true) & later)
        return float((ahead.sum(axis=1) < k).mean())

    @cached_property
    def per_class(self) -> PerClass:
        """Precision, recall, F1 and number of images of each class; prints as a table."""
        return class_scores(self.y_true, self.predictions, self.class_names)

    def most_confused(self, n: int = 10) -> tuple[Confusion, ...]:
        """The ``n`` most frequent mistakes, most frequent first; fewer if there are fewer."""
        return mistakes(self.confusion, self.class_names)[: max(n, 0)]

    def interval(
        self, metric: str, level: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> tuple[float, float]:
        """Bootstrap percentile interval of a metric, with images resampled within their class.

        Args:
            metric: "weighted_f1", "macro_f1", "accuracy" or "balanced_accuracy".
            level: Share of the resamples inside, between 0 and 1.
            resamples: Number of resamples, at least 100.
            seed: Start of the random numbers.

        Returns:
            Lower and upper end.

        Raises:
            EvaluationError: If an argument is out of its range.
        """
        score = scores.score_named(metric)
        check_settings(level, resamples)
        return percentiles(score(resampled(self.confusion, resamples, seed)), level)

    def baseline(self, training_labels: ArrayLike | None = None) -> Evaluation:
        """What always answering the most frequent class would score on these images.

        Args:
            training_labels: Class numbers to count; None counts the labels of these images.

        Returns:
            An evaluation with probability 1 for that class; of equals, the first.
        """
        classes, labels = len(self.class_names), self.y_true
        if training_labels is not None:
            labels = checked_labels(training_labels, np.size(training_labels), classes)
        answer = np.zeros(classes)
        answer[np.bincount(labels, minlength=classes).argmax()] = 1
        rows = np.tile(answer, (len(self), 1))
        return Evaluation(self.y_true, rows, self.class_names, self.image_names)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the predictions themselves, in types that JSON knows."""
        return as_dict(self, list(scores.SCORES))

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def summary(self) -> str:
        """The main scores beside the most-frequent-class baseline, as lines of text."""
        return summary_text(self, self.baseline(), list(scores.SCORES))

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return (
            f"Evaluation({len(self)} images, {len(self.class_names)} classes, "
            f"weighted_f1={self.weighted_f1:.4f}, accuracy={self.accuracy:.4f})"
        )

    @cached_property
    def _true_probability(self) -> Floats:
        return np.asarray(self.probabilities[np.arange(len(self)), self.y_true])

    def _score(self, name: str) -> float:
        return scores.point(name, self.y_true, self.predictions)


def evaluate(
    model_or_result: Any,
    dataset: Any,
    batch_size: int = 32,
    *,
    image_size: int | tuple[int, int] | None = None,
) -> Evaluation:
    """Runs a model once over a dataset and scores what it says.

    Args:
        model_or_result: A ``keras.Model`` that takes RGB images of values 0..255, shape
            (n, height, width, 3), and gives probabilities (n, classes); or anything with such a
            ``model``, as a training result.
        dataset: A :class:`tlkit.ImageDataset`.
        batch_size: Images per batch, at least 1.
        image_size: One side in pixels or (height, width); None asks the model.

    Raises:
        EvaluationError: If there is no model, the size is unknown, the dataset is empty, or what
            comes out are not probabilities of the dataset's classes.
    """
    return Evaluation.from_predictions(
        dataset.labels,
        predicted_probabilities(model_or_result, dataset, batch_size, image_size),
        dataset.class_names,
        image_names=dataset.names,
    )
