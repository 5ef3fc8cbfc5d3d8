"""Evaluation of images with any number of labels each."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tlkit._printing import Printed
from tlkit.evaluation._label_tables import ImageLabels, LabelScore, PerLabel
from tlkit.evaluation._scored_labels import ScoredLabels
from tlkit.evaluation.arrays import Ints
from tlkit.evaluation.metrics import label_scores as scores
from tlkit.evaluation.metrics.scores import f1, recall


@dataclass(frozen=True, eq=False, repr=False)
class MultiLabelEvaluation(ScoredLabels, Printed):
    """Scores of stored predictions of any number of labels, by scikit-learn's conventions.

    Made by `tlkit.evaluate`, `from_predictions` or `load`, which check what goes in. An image is
    given a label where its probability is at least the label's threshold, 0.5 by default. Better
    ones are chosen on images that neither trained the model nor test it::

        best = tlkit.evaluate(model, validation).best_thresholds()
        tlkit.evaluate(model, test).with_thresholds(best)

    Args:
        y_true: Whether each image has each label, int64 of shape (n, classes), 0 or 1.
        probabilities: float64 of shape (n, classes), each in 0..1; rows need not sum to one.
        class_names: One name per label.
        thresholds: From which probability on an image is given each label, (classes,).
        image_names: What each image is called; None if unknown.
        image_digests: Digest of each image's content, uint8 of shape (n, bytes); None if unknown.

    Example:
        >>> rows = [[0.9, 0.2], [0.4, 0.8], [0.3, 0.1]]
        >>> found = MultiLabelEvaluation.from_predictions([[1, 0], [1, 1], [0, 0]], rows)
        >>> round(found.macro_f1, 3), found.subset_accuracy.hex() == (2 / 3).hex()
        (0.833, True)
        >>> found.with_thresholds(found.best_thresholds()).macro_f1
        1.0
    """

    def best_thresholds(self) -> dict[str, float]:
        """Return by name each label's threshold of the highest F1 on these images, 0..1.

        Choose them on validation images and report the scores of others: on the images that they
        are chosen on, scores are too good, the more so the fewer images have a label. Of equal F1
        it is the one nearest to 0.5, and 0.5 for a label that no image has. Source: Lipton, Elkan
        and Narayanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", 2014.
        """
        best = scores.best_thresholds(self.probabilities, self.y_true).tolist()
        return dict(zip(self.class_names, best, strict=True))

    @cached_property
    def per_class(self) -> PerLabel:
        """Precision, recall, F1, average precision and ROC AUC of each label; prints as a table."""
        counts = scores.label_counts(self.y_true, self.predictions)
        columns = (
            self.thresholds,
            scores.precision(counts).tolist(),
            recall(counts).tolist(),
            f1(counts).tolist(),
            *(self._areas[row].tolist() for row in (1, 0)),
            counts.truth.tolist(),
        )
        return PerLabel(LabelScore(*row) for row in zip(self.class_names, *columns, strict=True))

    def top_losses(self, n: int = 10) -> tuple[ImageLabels, ...]:
        """Return the ``n`` images of highest log loss, highest first; of equals, the first."""
        losses = scores.log_losses(self.probabilities, self.y_true)
        return self._images(np.argsort(-losses, kind="stable")[: max(n, 0)].tolist())

    def most_uncertain(self, n: int = 10) -> tuple[ImageLabels, ...]:
        """Return the ``n`` images with a probability nearest to its label's threshold."""
        nearest = np.abs(self.probabilities - np.array(self.thresholds)).min(axis=1)
        return self._images(np.argsort(nearest, kind="stable")[: max(n, 0)].tolist())

    def baseline(self) -> MultiLabelEvaluation:
        """Return what the same answer for every image would score.

        Each label gets the share of these images that have it as its probability, and 0.5 as its
        threshold, so that every image is given the labels that at least half of them have.
        """
        rows = np.tile(self.y_true.mean(axis=0), (len(self), 1))
        return replace(self, probabilities=rows, thresholds=(0.5,) * len(self.class_names))

    def to_dict(self) -> dict[str, Any]:
        """Return all but the predictions themselves, in types that JSON knows; NaN is None."""
        per_class = [
            {key: _or_none(value) for key, value in asdict(row).items()} for row in self.per_class
        ]
        return {
            "task": "multilabel",
            "images": len(self),
            "class_names": list(self.class_names),
            **{metric: _or_none(self.score(metric)) for metric in scores.METRICS},
            "average_precision": _or_none(self.average_precision()),
            "roc_auc": _or_none(self.roc_auc()),
            "per_class": per_class,
            "confusion": self.confusion.tolist(),
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def summary(self) -> str:
        """Return the main scores beside those of one answer for all images, as lines of text."""
        plain = self.baseline()
        lines = [
            f"{len(self)} images, {len(self.class_names)} labels, any number for each image",
            f"{'':<18} {'score':>6}  {'95 % interval':<16}  one answer for all",
        ]
        for metric in scores.METRICS:
            low, high = self.interval(metric)
            name = metric.replace("_", " ").replace("f1", "F1")
            pair = (self.score(metric), plain.score(metric))
            lines.append(f"{name:<18} {pair[0]:6.4f}  [{low:.4f}, {high:.4f}]  {pair[1]:.4f}")
        lines.append(f"{'average precision':<18} {self.average_precision():6.4f}")
        lines.append(f"{'ROC AUC':<18} {self.roc_auc():6.4f}")
        worst = sorted(self.per_class, key=lambda row: row.f1)[:3]
        told = ", ".join(f"{row.name} (F1 {row.f1:.2f})" for row in worst)
        return "\n".join([*lines, f"weakest labels: {told}"])

    def _images(self, chosen: list[int]) -> tuple[ImageLabels, ...]:
        losses = scores.log_losses(self.probabilities, self.y_true)
        return tuple(
            ImageLabels(
                index=index,
                name=f"image {index}" if self.image_names is None else self.image_names[index],
                truth=self._named(self.y_true[index]),
                prediction=self._named(self.predictions[index]),
                probabilities={
                    name: float(self.probabilities[index, self.class_names.index(name)])
                    for name in self._named(self.y_true[index] | self.predictions[index])
                },
                loss=float(losses[index]),
            )
            for index in chosen
        )

    def _named(self, labels: Ints) -> tuple[str, ...]:
        return tuple(self.class_names[column] for column in np.flatnonzero(labels).tolist())

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return (
            f"MultiLabelEvaluation({len(self)} images, {len(self.class_names)} labels, "
            f"weighted_f1={self.weighted_f1:.4f}, subset_accuracy={self.subset_accuracy:.4f})"
        )


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
