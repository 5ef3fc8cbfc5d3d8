"""Predictions of regressions on ever more pictures -> a learning curve with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream
from tlkit.probing._power_law import Doubles, PowerLaws
from tlkit.probing.curve import ClassOutlook, LearningCurve

Ints = NDArray[np.int64]

_DRAWS = 400
# Pictures of a class that are thought to be added; at most so many times those it has.
_MORE, _TIMES = 100, 3


def fitted_curve(
    labels: Ints, predictions: Ints, sizes: Doubles, class_names: Sequence[str], *, seed: int
) -> LearningCurve:
    """Score predictions, fit a power law, and fit it again to resampled pictures and deals.

    Args:
        labels: Class numbers ``(n,)``.
        predictions: Of regressions on so many pictures, ``(sizes, deals, n)``.
        sizes: ``(sizes,)``.
        class_names: The classes.
        seed: What is resampled follows from it.
    """
    points, deals, n = predictions.shape
    classes = len(class_names)
    support = np.bincount(labels, minlength=classes)
    each = np.array([[_f1(labels, row, classes) for row in rows] for rows in predictions])
    scores = each @ (support / n)
    random = stream(seed, "learning curve")
    drawn = np.zeros((_DRAWS, points))
    for number in range(_DRAWS):
        weights = random.multinomial(n, np.full(n, 1 / n)).astype(np.float64)
        shares = np.bincount(labels, weights, minlength=classes) / n
        for point in range(points):
            seen = predictions[point, int(random.integers(deals))]
            drawn[number, point] = _f1(labels, seen, classes, weights) @ shares
    law = PowerLaws.through(sizes, scores.mean(axis=1)[None])
    laws = PowerLaws.through(sizes, drawn)
    means = each.mean(axis=1)
    of_class = PowerLaws.through(sizes, means.T, law.rates)
    outlook = [
        _outlook(name, int(support[number]), number, of_class, n)
        for number, name in enumerate(class_names)
        if support[number]
    ]
    return LearningCurve(
        n,
        tuple(round(size) for size in sizes.tolist()),
        scores,
        law,
        laws,
        tuple(sorted(outlook, key=lambda x: -x.gain)),
    )


def _outlook(name: str, images: int, number: int, laws: PowerLaws, n: int) -> ClassOutlook:
    times = 1 + min(_MORE / images, _TIMES)
    now, then = laws.at([n, n * times])[number].tolist()
    return ClassOutlook(name, images, max(now, 0.0), max(then - now, 0.0))


def _f1(labels: Ints, predictions: Ints, classes: int, weights: Doubles | None = None) -> Doubles:
    """Return the F1 of each class, ``(classes,)``, 0 where there is none."""
    right = labels == predictions
    hits = np.bincount(
        labels[right], None if weights is None else weights[right], minlength=classes
    )
    there = np.bincount(labels, weights, minlength=classes)
    said = np.bincount(predictions, weights, minlength=classes)
    return np.asarray(2 * hits / np.maximum(there + said, np.finfo(np.float64).tiny))
