"""Bootstrap resamples of the predictions of several models, drawn as counts.

Images are resampled with replacement within their true class (stratified), so that every resample
has the same class sizes. Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap",
1993, chapters 8 and 13.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.metrics.scores import Counts

_CHUNK = 4_000_000  # images drawn at once; bounds the memory


def check_settings(level: float, resamples: int = 2000) -> None:
    """Refuse a level outside (0, 1) and fewer than 100 resamples."""
    if not 0 < level < 1:
        raise EvaluationError(f"level={level!r}: expected a share between 0 and 1, such as 0.95.")
    if resamples < 100:
        raise EvaluationError(f"resamples={resamples!r}: expected 100 or more, such as 2000.")


def resampled_together(
    y_true: Ints, predictions: Sequence[Ints], classes: int, resamples: int, seed: int
) -> list[Counts]:
    """Return counts of several models on the very same resampled images (paired).

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
    for label, members, part, drawn in _draws(y_true, resamples, seed):
        for model, guesses in enumerate(predictions):
            # Only the classes that were guessed here: of thousands, most are not.
            found, code = np.unique(guesses[members], return_inverse=True)
            rows = len(found) * np.arange(len(drawn))[:, None]
            cells = np.bincount((code[drawn] + rows).ravel(), minlength=len(found) * len(drawn))
            table = cells.reshape(-1, len(found))
            predicted[model][part, found] += table
            hits[model, part, label] = table[:, found == label].sum(axis=1)
    truth = np.bincount(y_true, minlength=classes)
    return [_counts(h, truth, p) for h, p in zip(hits, predicted, strict=True)]


def means(y_true: Ints, values: Sequence[Floats], resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the means of resampled values, the same images for each row of values.

    The images are those that `resampled_together` draws with the same seed.

    Args:
        y_true: Class numbers, shape (n,).
        values: For each model one value per image, shape (n,).
        resamples: Number of resamples.
        seed: Start of the random numbers.

    Returns:
        Shape (models, resamples).
    """
    sums = np.zeros((len(values), resamples))
    for _, members, part, drawn in _draws(y_true, resamples, seed):
        for model, row in enumerate(values):
            sums[model, part] += row[members][drawn].sum(axis=1)
    return sums / len(y_true)


def percentiles(values: Floats, level: float) -> tuple[float, float]:
    """Return the central interval that holds ``level`` of the values; undefined ones left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draws(y_true: Ints, resamples: int, seed: int) -> Iterator[tuple[int, Ints, slice, Ints]]:
    """Yield a class, its images, a range of resamples, and which of the images those draw.

    The draws are positions among the class's images, of shape (resamples, class size).
    """
    random = np.random.default_rng(seed)
    for label in np.unique(y_true):
        members = np.flatnonzero(y_true == label)
        step = max(1, _CHUNK // len(members))
        for start in range(0, resamples, step):
            part = slice(start, min(start + step, resamples))
            size = (part.stop - part.start, len(members))
            yield int(label), members, part, random.integers(len(members), size=size)


def _counts(hits: Ints, truth: Ints, predicted: Ints) -> Counts:
    return Counts(hits, np.broadcast_to(truth, hits.shape), predicted)
