"""The scores of stored predictions, each with its formula, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, overload

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.metrics import _one_vs_rest, intervals, scores
from tlkit.evaluation.metrics.bootstrap import check_settings
from tlkit.evaluation.metrics.per_image import calibration_error
from tlkit.evaluation.predictions import Predictions


@dataclass(frozen=True, eq=False, repr=False)
class ScoredPredictions(Predictions):
    """Stored predictions with their scores; what people use is an `Evaluation`."""

    @property
    def weighted_f1(self) -> float:
        """F1 of the classes, weighted by their number of images, 0..1."""
        return self.score("weighted_f1")

    @property
    def macro_f1(self) -> float:
        """Plain mean of F1 over the classes that occur in truth or predictions, 0..1."""
        return self.score("macro_f1")

    @property
    def accuracy(self) -> float:
        """Share of images whose class is predicted, 0..1."""
        return self.score("accuracy")

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall over the classes that occur in the truth, 0..1."""
        return self.score("balanced_accuracy")

    @property
    def cohen_kappa(self) -> float:
        """Agreement with the truth beyond chance, up to 1; NaN if one class is all there is."""
        return self.score("cohen_kappa")

    @property
    def log_loss(self) -> float:
        """Mean of ``-log(probability of the true class)``, clipped at the float64 epsilon."""
        return self.score("log_loss")

    @property
    def brier_score(self) -> float:
        """Mean squared distance between probabilities and truth, 0..2; for two classes 0..1.

        ``mean over images of sum over classes c of (p_c - [c is true])^2``, and half of that for
        two classes, as in scikit-learn's ``brier_score_loss``.
        """
        return self.score("brier_score")

    def top_k(self, k: int) -> float:
        """Return the share of images whose class is among the ``k`` most probable, 0..1.

        Of equally probable classes the later one counts as more probable, as in scikit-learn's
        ``top_k_accuracy_score``.

        Raises:
            EvaluationError: If ``k`` is not in 1 .. number of classes.
        """
        return self.score(f"top_{scores.checked_k(k, len(self.class_names))}")

    def score(self, metric: str) -> float:
        """Return a score by its name, as in `interval`.

        Raises:
            EvaluationError: If there is none of that name; the message lists them.
        """
        asked = scores.metric_named(metric, len(self.class_names))
        if asked.of_images is not None:
            return float(asked.of_images(self.probabilities, self.y_true).mean())
        assert asked.of_counts is not None
        classes = len(self.class_names)
        counts = scores.Counts.of_predictions(self.y_true, self.predictions, classes)
        return float(asked.of_counts(counts))

    def is_loss(self, metric: str) -> bool:
        """Return whether less of a metric is better.

        Raises:
            EvaluationError: If there is none of that name.
        """
        return scores.metric_named(metric, len(self.class_names)).lower_is_better

    def expected_calibration_error(self, bins: int = 15) -> float:
        """Return how far the predicted probability is from the share that is right, 0..1.

        ``sum over bins of |B| / n * |accuracy(B) - confidence(B)|``, where bin m of M holds the
        images whose largest probability is in ``((m - 1) / M, m / M]``. Source: C. Guo et al., "On
        Calibration of Modern Neural Networks", ICML 2017, equation 3.

        Args:
            bins: Number of bins of equal width, at least 1.

        Raises:
            EvaluationError: If ``bins`` is below 1.
        """
        if bins < 1:
            raise EvaluationError(f"bins={bins!r}: expected 1 or more, such as 15.")
        right = (self.predictions == self.y_true).astype(np.float64)
        return calibration_error(self.confidence, right, bins)

    @overload
    def roc_auc(self, average: Literal["macro", "weighted"] = "macro") -> float: ...
    @overload
    def roc_auc(self, average: None) -> Floats: ...
    def roc_auc(self, average: str | None = "macro") -> float | Floats:
        """Return the area under the ROC curve of each class against all others, 0..1.

        NaN for a class without images, or with all of them; the means leave such classes out.
        Otherwise equal to scikit-learn's ``roc_auc_score(..., multi_class="ovr")``.

        Args:
            average: "macro" for the plain mean, "weighted" by the classes' images, or None for one
                value per class, shape (classes,).

        Raises:
            EvaluationError: If the average is not known.
        """
        return self._averaged(0, average)

    @overload
    def average_precision(self, average: Literal["macro", "weighted"] = "macro") -> float: ...
    @overload
    def average_precision(self, average: None) -> Floats: ...
    def average_precision(self, average: str | None = "macro") -> float | Floats:
        """Return the average precision of each class against all others, 0..1.

        ``sum over thresholds of (recall_i - recall_(i-1)) * precision_i``, as in scikit-learn's
        ``average_precision_score``; but NaN for a class without images, where that warns and gives
        0. The means leave such classes out.

        Args:
            average: As in `roc_auc`.

        Raises:
            EvaluationError: If the average is not known.
        """
        return self._averaged(1, average)

    def interval(
        self, metric: str, level: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> tuple[float, float]:
        """Return a metric's interval: between which values this model's true score lies.

        What ``level=0.95`` means: of all the test sets that could have been drawn, 95 % give an
        interval that holds the score that endless images of the same kind would give this very
        model; for macro F1 and balanced accuracy, over the classes that occur in the test set.
        Training the model again is not in it; a `CrossValidation` has intervals with it. Simulated
        coverage, from 30 images and 2 to 27 classes on, is at least 0.93; ``nox -s slow`` prints
        the table.

        * accuracy and top-k: Clopper and Pearson's exact interval of a share;
        * F1, balanced accuracy, kappa: the delta method on counts to which a few right and wrong
          images are added (Price and Bonett 2004, Takahashi 2022), with the bias of F1;
        * log loss and Brier score, means over images: a Bayesian bootstrap with one image more, at
          the bound of the Brier score (Gaffke 2005), or for the log loss worse by ``log(classes)``
          than the worst that was seen.

        So 20 right ones of 20 are no certainty: the accuracy is then 0.83 .. 1. Formulas and
        sources stand in the module ``metrics.intervals``. The score itself always lies
        inside.

        Args:
            metric: "weighted_f1", "macro_f1", "accuracy", "balanced_accuracy", "cohen_kappa",
                "log_loss", "brier_score", or "top_5" and the like.
            level: How often the interval is right, between 0 and 1.
            resamples: Number of resamples, at least 100, for the two losses; the others need none.
            seed: Start of their random numbers.

        Returns:
            Lower and upper end; NaN where the score is undefined.

        Raises:
            EvaluationError: If an argument is out of its range.

        Example:
            >>> from tlkit import Evaluation
            >>> all_right = Evaluation.from_predictions([0, 1] * 10, [[0.9, 0.1], [0.2, 0.8]] * 10)
            >>> low, high = all_right.interval("accuracy")
            >>> round(low, 3), high
            (0.832, 1.0)
        """
        asked = scores.metric_named(metric, len(self.class_names))
        check_settings(level, resamples)
        if asked.is_share:
            hits = round(self.score(metric) * len(self))
            low, high = intervals.of_shares(np.array(hits), np.array(len(self)), level)
            return float(low), float(high)
        if asked.of_images is not None:
            values = asked.of_images(self.probabilities, self.y_true)
            worse = values.max() + np.log(len(self.class_names))
            highest = float(worse if asked.highest is None else asked.highest)
            return intervals.of_mean(values, highest, level, resamples, seed)
        assert asked.of_counts is not None
        classes = len(self.class_names)
        return intervals.of_counts(
            metric, asked.of_counts, self.y_true, self.predictions, classes, level
        )

    @cached_property
    def _areas(self) -> Floats:
        return _one_vs_rest.areas(self.probabilities, self.y_true)

    def _averaged(self, row: int, average: str | None) -> float | Floats:
        if average is None:
            return np.array(self._areas[row], np.float64)
        support = np.bincount(self.y_true, minlength=len(self.class_names))
        return _one_vs_rest.averaged(self._areas[row], support, average)
