"""Bootstrap resamples of predictions, drawn as counts.

Images are resampled with replacement within their true class (stratified), so that every resample
has the same class sizes. Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap",
1993, chapters 8 and 13.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.checks import Floats, Ints
from tlkit.evaluation.scores import Counts

_CHUNK = 4_000_000  # images drawn at once; bounds the memory


def check_settings(level: float, resamples: int) -> None:
    """Refuses a level outside (0, 1) and fewer than 100 resamples."""
    if not 0 < level < 1:
        raise EvaluationError(f"level={level!r}: expected a share between 0 and 1, such as 0.95.")
    if resamples < 100:
        raise EvaluationError(f"resamples={resamples!r}: expected 100 or more, such as 2000.")


def resampled(confusion: Ints, resamples: int, seed: int) -> Counts:
    """Counts of resamples of one model, each of shape (resamples, classes).

    Which images of a class are drawn does not matter to a score, only what they were predicted as;
    so a resample of a class is one multinomial draw from its row of the confusion matrix.

    Args:
        confusion: Truth in rows, shape (classes, classes).
        resamples: Number of resamples.
        seed: Start of the random numbers.
    """
    random = np.random.default_rng(seed)
    predicted, hits = np.zeros((2, resamples, len(confusion)), np.int64)
    for label in np.flatnonzero(confusion.sum(axis=1)):
        row = confusion[label]
        found = np.flatnonzero(row)
        drawn = random.multinomial(row.sum(), row[found] / row.sum(), resamples)
        predicted[:, found] += drawn
        hits[:, label] = drawn[:, found == label].sum(axis=1)
    return _counts(hits, confusion.sum(axis=1), predicted)


def resampled_together(
    y_true: Ints, predictions: Sequence[Ints], classes: int, resamples: int, seed: int
) -> list[Counts]:
    """Counts of several models on the very same resampled images (paired).

    Args:
        y_true: Class numbers, shape (n,).
        predictions: For each model the predicted class numbers, shape (n,).
        classes: Number of classes.
        resamples: Number of resamples.
        seed: Start of the random numbers.

    Returns:
        For each model, counts of shape (resamples, classes).
    """
    predicted, hits = np.zeros((2, len(predictions), resamples, classes), np.int64)
    for label, part, images in _draws(y_true, resamples, seed):
        rows = classes * np.arange(len(images))[:, None]
        for model, guesses in enumerate(predictions):
            cells = guesses[images] + rows
            table = np.bincount(cells.ravel(), minlength=classes * len(images))
            predicted[model, part] += table.reshape(-1, classes)
            hits[model, part, label] = table.reshape(-1, classes)[:, label]
    truth = np.bincount(y_true, minlength=classes)
    return [_counts(h, truth, p) for h, p in zip(hits, predicted, strict=True)]


def percentiles(values: Floats, level: float) -> tuple[float, float]:
    """The central interval that holds ``level`` of the values."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draws(y_true: Ints, resamples: int, seed: int) -> Iterator[tuple[int, slice, Ints]]:
    """A class, a range of resamples, and the images drawn for them, (resamples, class size)."""
    random = np.random.default_rng(seed)
    for label in np.unique(y_true):
        members = np.flatnonzero(y_true == label)
        step = max(1, _CHUNK // len(members))
        for start in range(0, resamples, step):
            part = slice(start, min(start + step, resamples))
            size = (part.stop - part.start, len(members))
            yield int(label), part, members[random.integers(len(members), size=size)]


def _counts(hits: Ints, truth: Ints, predicted: Ints) -> Counts:
    return Counts(hits, np.broadcast_to(truth, hits.shape), predicted)
