"""The scores of stored predictions of any number of labels, and their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, overload

import numpy as np

from tlkit.evaluation._label_predictions import LabelPredictions
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics import _one_vs_rest, intervals, label_scores as scores
from tlkit.evaluation.metrics._label_intervals import of_label_counts
from tlkit.evaluation.metrics.bootstrap import check_settings


@dataclass(frozen=True, eq=False, repr=False)
class ScoredLabels(LabelPredictions):
    """Stored predictions with their scores; what people use is a `MultiLabelEvaluation`."""

    @property
    def weighted_f1(self) -> float:
        """F1 of the labels, weighted by how many images have them, 0..1."""
        return self.score("weighted_f1")

    @property
    def macro_f1(self) -> float:
        """Plain mean of the labels' F1, 0..1; 0 for a label that no image has or is given."""
        return self.score("macro_f1")

    @property
    def micro_f1(self) -> float:
        """F1 of all labels of all images together, 0..1."""
        return self.score("micro_f1")

    @property
    def samples_f1(self) -> float:
        """Mean over images of the F1 of their labels, 0..1; 0 for one that has none and gets none.

        That is scikit-learn's ``f1_score(average="samples", zero_division=0)``.
        """
        return self.score("samples_f1")

    @property
    def subset_accuracy(self) -> float:
        """Share of the images all of whose labels are right, 0..1."""
        return self.score("subset_accuracy")

    @property
    def hamming_loss(self) -> float:
        """Share of all labels of all images that are wrong, 0..1."""
        return self.score("hamming_loss")

    @property
    def log_loss(self) -> float:
        """Mean over images and labels of ``-log(probability of what is true)``, clipped."""
        return self.score("log_loss")

    def score(self, metric: str) -> float:
        """Return a score by its name, as in `interval`.

        Raises:
            EvaluationError: If there is none of that name; the message lists them.
        """
        asked = scores.label_metric_named(metric)
        if asked.of_images is not None:
            return float(asked.of_images(*self._arrays).mean())
        assert asked.of_counts is not None
        return float(asked.of_counts(scores.label_counts(self.y_true, self.predictions)))

    def is_loss(self, metric: str) -> bool:
        """Return whether less of a metric is better.

        Raises:
            EvaluationError: If there is none of that name.
        """
        return scores.label_metric_named(metric).lower_is_better

    def interval(
        self, metric: str, level: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> tuple[float, float]:
        """Return a metric's interval: between which values this model's true score lies.

        It means what `Evaluation.interval` says. The subset accuracy has Clopper and Pearson's
        exact interval; means over images, which are samples F1 and the losses, a Bayesian bootstrap
        with one image more; so have macro, micro and weighted F1, whose images keep their labels
        together. Formulas and sources stand in ``metrics.intervals`` and
        ``metrics._label_intervals``.

        Args:
            metric: "weighted_f1", "macro_f1", "micro_f1", "samples_f1", "subset_accuracy",
                "hamming_loss" or "log_loss".
            level: How often the interval is right, between 0 and 1.
            resamples: Number of resamples, at least 100.
            seed: Start of their random numbers.

        Raises:
            EvaluationError: If an argument is out of its range.
        """
        asked = scores.label_metric_named(metric)
        check_settings(level, resamples)
        if asked.of_counts is not None:
            pair = (self.y_true, self.predictions)
            return of_label_counts(asked.of_counts, *pair, level, resamples, seed)
        assert asked.of_images is not None
        values = asked.of_images(*self._arrays)
        if asked.is_share:
            hits, images = np.array(values.sum()), np.array(len(self))
            low, high = intervals.of_shares(hits, images, level)
            return float(low), float(high)
        highest = values.max() + math.log(2) if asked.highest is None else asked.highest
        return intervals.of_mean(values, float(highest), level, resamples, seed)

    @overload
    def roc_auc(self, average: Literal["macro", "weighted", "micro"] = "macro") -> float: ...
    @overload
    def roc_auc(self, average: None) -> Floats: ...
    def roc_auc(self, average: str | None = "macro") -> float | Floats:
        """Return the area under the ROC curve of the labels, 0..1; thresholds do not matter.

        NaN for a label that no image has, or all have; the means leave such labels out. Otherwise
        equal to scikit-learn's ``roc_auc_score``.

        Args:
            average: "macro" for the plain mean, "weighted" by how many images have each label,
                "micro" for all labels as one, or None for one value per label, shape (classes,).

        Raises:
            EvaluationError: If the average is not known.
        """
        return self._averaged(0, average)

    @overload
    def average_precision(
        self, average: Literal["macro", "weighted", "micro"] = "macro"
    ) -> float: ...
    @overload
    def average_precision(self, average: None) -> Floats: ...
    def average_precision(self, average: str | None = "macro") -> float | Floats:
        """Return the average precision of the labels, 0..1; its macro mean is often called mAP.

        As scikit-learn's ``average_precision_score``; NaN for a label that no image has, which the
        means leave out.

        Args:
            average: As in `roc_auc`.

        Raises:
            EvaluationError: If the average is not known.
        """
        return self._averaged(1, average)

    @cached_property
    def _arrays(self) -> tuple[Floats, Ints, Ints]:
        """What scores of images are computed from."""
        return self.probabilities, self.y_true, self.predictions

    @cached_property
    def _areas(self) -> Floats:
        return _one_vs_rest.areas_of_columns(self.probabilities, self.y_true == 1)

    def _averaged(self, row: int, average: str | None) -> float | Floats:
        if average is None:
            return np.array(self._areas[row], np.float64)
        if average == "micro":
            one = (self.probabilities.reshape(-1, 1), self.y_true.reshape(-1, 1) == 1)
            return float(_one_vs_rest.areas_of_columns(*one)[row, 0])
        return _one_vs_rest.averaged(self._areas[row], self.y_true.sum(axis=0), average)
