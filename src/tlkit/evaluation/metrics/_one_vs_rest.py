"""Each class against all others: ROC AUC and average precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats, Ints


def areas(probabilities: Floats, labels: Ints) -> Floats:
    """Return ROC AUC and average precision of each class, (2, classes); NaN where undefined."""
    return areas_of_columns(probabilities, labels[:, None] == np.arange(probabilities.shape[1]))


def areas_of_columns(probabilities: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Return the same for columns whose positive images are told, both arguments (n, k)."""
    columns = range(probabilities.shape[1])
    found = [_areas(probabilities[:, c], positive[:, c]) for c in columns]
    return np.asarray(found, np.float64).T


def averaged(values: Floats, support: Ints, average: str) -> float:
    """Return the mean over the classes whose value is defined; NaN if none is.

    Args:
        values: Of each class, shape (k,).
        support: Images of each class, shape (k,).
        average: "macro" weighs the classes equally, "weighted" by their images.

    Raises:
        EvaluationError: If it is another average.
    """
    if average not in ("macro", "weighted"):
        raise EvaluationError(f"average={average!r}: expected 'macro', 'weighted' or None.")
    known = np.isfinite(values)
    weights = support[known] if average == "weighted" else np.ones(int(known.sum()))
    return float(np.average(values[known], weights=weights)) if weights.sum() > 0 else float("nan")


def _areas(scores: Floats, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the area under the ROC curve by trapezoids, and average precision by steps.

    ``AP = sum over thresholds of (recall_i - recall_(i-1)) * precision_i``. Images of equal score
    are one threshold. Source: scikit-learn's ``roc_auc_score`` and ``average_precision_score``.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(positive[order], dtype=np.int64)[ends]
    positives, negatives = int(hits[-1]), len(scores) - int(hits[-1])
    if not positives:
        return float("nan"), float("nan")
    precision = float((np.diff(hits, prepend=0) * (hits / (ends + 1))).sum() / positives)
    if not negatives:
        return float("nan"), precision
    before = np.concatenate([[0], hits[:-1]])
    false = ends + 1 - hits
    # Whole numbers as long as possible: the sum of trapezoids is exact.
    double = int((np.diff(false, prepend=0) * (hits + before)).sum())
    return double / (2 * positives * negatives), precision
