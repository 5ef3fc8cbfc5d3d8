"""Scores of several models on resampled images, and with their answers swapped."""

from __future__ import annotations

from collections.abc import Mapping

from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.comparing._label_draws import resampled_labels, swapped_labels
from tlkit.evaluation.comparing._swaps import swapped_means, swapped_scores
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics.bootstrap import means, resampled_together
from tlkit.evaluation.metrics.scores import metric_named
from tlkit.evaluation.multi_label import MultiLabelEvaluation


def swapped_differences(
    first: AnyEvaluation, second: AnyEvaluation, metric: str, swaps: int, seed: int
) -> Floats:
    """Return differences of the two where answers are swapped by chance, (swaps,)."""
    if isinstance(first, MultiLabelEvaluation) or isinstance(second, MultiLabelEvaluation):
        assert isinstance(first, MultiLabelEvaluation)
        assert isinstance(second, MultiLabelEvaluation)
        return swapped_labels(first, second, metric, swaps, seed)
    classes = len(first.class_names)
    asked = metric_named(metric, classes)
    if asked.of_images is not None:
        one, other = (asked.of_images(f.probabilities, f.y_true) for f in (first, second))
        return swapped_means((one, other), swaps, seed)
    assert asked.of_counts is not None
    guesses = (first.predictions, second.predictions)
    return swapped_scores(asked.of_counts, first.y_true, guesses, classes, swaps, seed)


def resampled_scores(
    named: Mapping[str, AnyEvaluation], metric: str, resamples: int, seed: int
) -> dict[str, Floats]:
    """Return each model's scores on the same resamples, (resamples,)."""
    labels = {n: found for n, found in named.items() if isinstance(found, MultiLabelEvaluation)}
    if labels:
        return resampled_labels(labels, metric, resamples, seed)
    named = {n: found for n, found in named.items() if isinstance(found, Evaluation)}
    first = next(iter(named.values()))
    classes = len(first.class_names)
    asked = metric_named(metric, classes)
    if asked.of_images is not None:
        values = [asked.of_images(f.probabilities, f.y_true) for f in named.values()]
        return dict(zip(named, means(first.y_true, values, resamples, seed), strict=True))
    assert asked.of_counts is not None
    guesses = [found.predictions for found in named.values()]
    counts = resampled_together(first.y_true, guesses, classes, resamples, seed)
    return dict(zip(named, map(asked.of_counts, counts), strict=True))
