"""Rows of an evaluation that people read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tlkit._printing import html_table, one_line
from tlkit.errors import EvaluationError
from tlkit.evaluation._scored_predictions import ScoredPredictions
from tlkit.evaluation.arrays import Floats, Ints


@dataclass(frozen=True)
class ClassScore:
    """How well one class is found.

    Args:
        name: The class.
        precision: Share of its predictions that are right, 0..1; 0 without a prediction.
        recall: Share of its images that are found, 0..1; 0 without an image.
        f1: ``2 * precision * recall / (precision + recall)``, 0..1; 0 where undefined.
        support: Number of its images.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Confusion:
    """One kind of mistake.

    Args:
        truth: What the images are.
        prediction: The class that they were predicted as.
        count: How many.
        share: Of all images of that class, 0..1.
    """

    truth: str
    prediction: str
    count: int
    share: float


class PerClass(tuple[ClassScore, ...]):
    """The scores of all classes, in class order; prints as a table."""

    __slots__ = ()

    def __new__(cls, rows: Iterable[ClassScore]) -> PerClass:
        return super().__new__(cls, tuple(rows))

    def __repr__(self) -> str:
        return one_line(f"PerClass({', '.join(f'{row.name!r} {row.f1:.3f}' for row in self)})")

    def _repr_html_(self) -> str:
        rows = (
            (row.name, *(f"{x:.3f}" for x in (row.precision, row.recall, row.f1)), str(row.support))
            for row in self
        )
        return html_table(("class", "precision", "recall", "f1", "images"), rows)

    def __str__(self) -> str:
        width = max(len("class"), *(len(row.name) for row in self))
        head = f"{'class':<{width}}  precision  recall    f1  images"
        lines = (
            f"{row.name:<{width}}  {row.precision:9.3f}  {row.recall:6.3f} {row.f1:5.3f}"
            f"  {row.support:6d}"
            for row in self
        )
        return "\n".join([head, *lines])


def class_scores(truth: Ints, predictions: Ints, names: Sequence[str]) -> PerClass:
    """Score each class with scikit-learn, from class numbers of shape (n,)."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        truth, predictions, labels=range(len(names)), zero_division=0.0
    )
    rows = zip(names, *(column.tolist() for column in columns), strict=True)
    return PerClass(ClassScore(*row) for row in rows)


def mistakes(confusion: Ints, names: Sequence[str]) -> tuple[Confusion, ...]:
    """Return the confusions in a matrix of shape (k, k), most frequent first."""
    truth, prediction = np.nonzero(confusion)
    counts, images = confusion[truth, prediction], confusion.sum(axis=1)
    order = np.argsort(-counts, kind="stable")
    return tuple(
        Confusion(names[t], names[p], int(n), float(n / images[t]))
        for t, p, n in zip(truth[order], prediction[order], counts[order], strict=True)
        if t != p
    )


def normalized(confusion: Ints, normalize: str) -> Floats:
    """Return a confusion matrix as shares of its rows ("true"), its columns ("pred") or of all.

    Raises:
        EvaluationError: If it is none of these.
    """
    axes: dict[str, int | tuple[int, int]] = {"true": 1, "pred": 0, "all": (0, 1)}
    if normalize not in axes:
        raise EvaluationError(f"normalize={normalize!r}: expected 'true', 'pred' or 'all'.")
    sums = confusion.sum(axis=axes[normalize], keepdims=True)
    return np.asarray(confusion / np.maximum(sums, 1), np.float64)


def as_dict(
    found: ScoredPredictions, per_class: PerClass, metrics: Sequence[str]
) -> dict[str, Any]:
    """Return an evaluation without its predictions, in types that JSON knows."""
    return {
        "images": len(found),
        "class_names": list(found.class_names),
        **{metric: _or_none(getattr(found, metric)) for metric in metrics},
        "expected_calibration_error": found.expected_calibration_error(),
        "per_class": [asdict(row) for row in per_class],
        "confusion": found.confusion.tolist(),
    }


def summary_text(
    found: ScoredPredictions,
    per_class: PerClass,
    usual: ScoredPredictions,
    metrics: Sequence[str],
) -> str:
    """Return scores with 95 % intervals, beside those of the most-frequent-class baseline.

    Args:
        found: The evaluation.
        per_class: Its scores of each class.
        usual: Its baseline.
        metrics: Names of the scores, each an attribute that ``interval`` knows too.
    """
    lines = [
        f"{len(found)} images, {len(found.class_names)} classes",
        f"{'':<18} {'score':>6}  {'95 % interval':<16}  most frequent class",
    ]
    for metric in metrics:
        low, high = found.interval(metric)
        name = metric.replace("_", " ").replace("f1", "F1")
        score, plain = getattr(found, metric), getattr(usual, metric)
        lines.append(f"{name:<18} {score:6.4f}  [{low:.4f}, {high:.4f}]  {plain:.4f}")
    lines.append(f"{'calibration error':<18} {found.expected_calibration_error():6.4f}")
    worst = sorted(per_class, key=lambda row: row.f1)[:3]
    lines.append("weakest classes: " + ", ".join(f"{row.name} (F1 {row.f1:.2f})" for row in worst))
    return "\n".join(lines)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
