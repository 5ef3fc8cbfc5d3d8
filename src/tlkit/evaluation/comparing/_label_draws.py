"""Scores of models of any number of labels on resampled images, and with answers swapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.comparing._swaps import swapped_means
from tlkit.evaluation.metrics.label_scores import label_metric_named
from tlkit.evaluation.metrics.scores import Counts
from tlkit.evaluation.multi_label import MultiLabelEvaluation

_AT_ONCE = 4_000_000  # numbers; bounds the memory


def resampled_labels(
    named: Mapping[str, MultiLabelEvaluation], metric: str, resamples: int, seed: int
) -> dict[str, Floats]:
    """Return each model's scores on the same resampled images, (resamples,).

    Images are drawn with replacement from all of them, and bring all of their labels.
    """
    asked, images = label_metric_named(metric), len(next(iter(named.values())))
    random = np.random.default_rng(seed)
    found = {name: np.empty(resamples) for name in named}
    values = {name: _values(each, metric) for name, each in named.items()}
    for part in _parts(resamples, images):
        drawn = random.multinomial(images, np.full(images, 1 / images), part.stop - part.start)
        for name, rows in values.items():
            sums = drawn @ rows
            if asked.of_counts is None:
                found[name][part] = sums / images
            else:
                found[name][part] = asked.of_counts(Counts(*np.split(sums, 3, axis=1)))
    return found


def swapped_labels(
    first: MultiLabelEvaluation, second: MultiLabelEvaluation, metric: str, swaps: int, seed: int
) -> Floats:
    """Return differences of a score, first minus second, where answers are swapped, (swaps,).

    A fair coin for each image swaps all that the two say of it; see ``_swaps``.
    """
    asked = label_metric_named(metric)
    one, other = _values(first, metric), _values(second, metric)
    if asked.of_counts is None:
        return swapped_means((one, other), swaps, seed)
    apart = (one != other).any(axis=1)
    moved_by = (other - one)[apart]
    random, found = np.random.default_rng(seed), np.empty(swaps)
    for part in _parts(swaps, len(moved_by)):
        coins = random.integers(0, 2, (part.stop - part.start, len(moved_by)))
        moved = coins @ moved_by
        scores = (
            asked.of_counts(Counts(*np.split(sums, 3, axis=1)))
            for sums in (one.sum(axis=0) + moved, other.sum(axis=0) - moved)
        )
        found[part] = np.subtract(*scores)
    return found


def _values(found: MultiLabelEvaluation, metric: str) -> Floats:
    """Return what each image adds: hits, truth and predictions, (n, 3 k), or one value, (n,)."""
    asked, truth, given = label_metric_named(metric), found.y_true, found.predictions
    if asked.of_images is not None:
        return asked.of_images(found.probabilities, truth, given)
    return np.concatenate([truth & given, truth, given], axis=1).astype(np.float64)


def _parts(draws: int, numbers: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // max(numbers, 1))
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))
