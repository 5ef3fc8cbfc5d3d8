"""Which of several models is better, and whether that can be claimed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.comparing._label_draws import resampled_labels, swapped_labels
from tlkit.evaluation.comparing._same_images import same_images
from tlkit.evaluation.comparing._swaps import swapped_means, swapped_scores
from tlkit.evaluation.comparing.comparison import Comparison, PairResult
from tlkit.evaluation.comparing.significance import average_ranks, holm, mcnemar_exact, two_sided
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics.bootstrap import (
    check_settings,
    means,
    percentiles,
    resampled_together,
)
from tlkit.evaluation.metrics.label_scores import label_metric_named
from tlkit.evaluation.metrics.scores import metric_named
from tlkit.evaluation.multi_label import MultiLabelEvaluation

__all__ = ["Comparison", "PairResult", "compare"]


def compare(
    evaluations: Mapping[str, AnyEvaluation] | Sequence[AnyEvaluation],
    metric: str = "weighted_f1",
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare models that were evaluated on the same images.

    For each pair, the p value says how often a difference of this size comes about by chance, when
    a coin decides for each image which model gave which answer. After Holm's correction for all
    pairs it decides whether a difference is claimed: of equal models at most 1 - level are told
    apart, with few images too. For the interval, images are resampled within their class, the same
    ones for all models (paired, stratified bootstrap); it holds the central ``level`` of the
    differences, and 0 where the p value alone would not claim one. McNemar's exact test stands
    beside it; it compares only how often each model is right.

    Source: A. Yeh, "More accurate tests for the statistical significance of result differences",
    COLING 2000; B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8
    and 13; the module ``comparing.significance`` gives the formulas of the p values.

    Args:
        evaluations: Two or more, by name; those of a sequence are called "model 1", "model 2", ...
            Their classes may stand in different orders; they are matched by name.
        metric: "weighted_f1", "macro_f1", "accuracy", "balanced_accuracy", "cohen_kappa",
            "log_loss", "brier_score" (of these two the lower is better), or "top_5" and the like;
            of multi-label evaluations one of those that have an interval. Their images are
            resampled from all, not within a class, and McNemar's test counts images all of whose
            labels are right.
        level: Level of the intervals; 1 - level is the error allowed over all pairs together.
        resamples: Number of resamples, and of swaps, at least 100, and more for many pairs: the
            smallest p value that can come out is ``2 * pairs / (resamples + 1)``.
        seed: Start of the random numbers.

    Returns:
        The comparison; print it, or read ``sentences``, ``ranking``, ``average_ranks``,
        ``groups``, ``best_group`` and ``pairs``.

    Raises:
        EvaluationError: If there are fewer than two, they are not about the same images (their
            labels, names or digests differ) or the same classes, the metric is not known or
            undefined, or there are too few resamples to claim anything about so many pairs.

    Example:
        >>> from tlkit import Evaluation, compare
        >>> truth = [0, 1] * 50
        >>> good = Evaluation.from_predictions(truth, [[0.9, 0.1], [0.1, 0.9]] * 50)
        >>> poor = Evaluation.from_predictions(truth, [[0.9, 0.1], [0.9, 0.1]] * 50)
        >>> compare({"good": good, "poor": poor}).ranking
        ('good', 'poor')
    """
    named = same_images(evaluations)
    pairs = len(named) * (len(named) - 1) // 2
    _check_precision(pairs, level, resamples)
    first = next(iter(named.values()))
    sign = -1 if _is_loss(first, metric) else 1
    scores = {name: found.score(metric) for name, found in named.items()}
    ranking = sorted(scores, key=lambda name: -sign * scores[name])
    drawn = {name: sign * row for name, row in _drawn(named, metric, resamples, seed).items()}
    _check_defined(drawn, metric)
    couples = list(combinations(ranking, 2))
    chance = [_swapped(named[a], named[b], metric, resamples, seed) for a, b in couples]
    gaps = [abs(scores[a] - scores[b]) for a, b in couples]
    draws = [drawn[a] - drawn[b] for a, b in couples]
    results = _results(named, metric, level, couples, gaps, draws, chance)
    ranked = tuple((name, scores[name]) for name in ranking)
    ranks = average_ranks(np.stack([drawn[name] for name in ranking]))
    return Comparison(metric, ranked, results, len(first), tuple(zip(ranking, ranks, strict=True)))


def _results(
    named: Mapping[str, AnyEvaluation],
    metric: str,
    level: float,
    couples: Sequence[tuple[str, str]],
    gaps: Sequence[float],
    draws: Sequence[Floats],
    chance: Sequence[Floats],
) -> tuple[PairResult, ...]:
    """Return what can be said of each pair.

    Args:
        named: The evaluations.
        metric: By which they are compared.
        level: Of the intervals.
        couples: The pairs, the better one first.
        gaps: Between their scores.
        draws: Differences of each pair on the resamples.
        chance: Differences of each pair where answers are swapped by chance.
    """
    tests = _tests(named, couples, gaps, chance)
    return tuple(
        PairResult(
            better=a,
            worse=b,
            metric=metric,
            difference=gap,
            interval=_interval(row, gap, p, level),
            p_value=p,
            p_adjusted=p_adjusted,
            mcnemar_p=exact,
            mcnemar_adjusted=exact_adjusted,
            level=level,
            standard_error=_error(row, swapped),
            images=len(named[a]),
            pairs=len(couples),
        )
        for (a, b), gap, row, swapped, (p, p_adjusted, exact, exact_adjusted) in zip(
            couples, gaps, draws, chance, tests, strict=True
        )
    )


def _tests(
    named: Mapping[str, AnyEvaluation],
    couples: Sequence[tuple[str, str]],
    gaps: Sequence[float],
    chance: Sequence[Floats],
) -> Iterator[tuple[float, float, float, float]]:
    """Yield each pair's p value and that of McNemar's test, each followed by itself after Holm."""
    p_values = [two_sided(gap, row) for gap, row in zip(gaps, chance, strict=True)]
    mcnemar = [mcnemar_exact(_right(named[a]), _right(named[b])) for a, b in couples]
    return zip(p_values, holm(p_values), mcnemar, holm(mcnemar), strict=True)


def _check_defined(drawn: Mapping[str, Floats], metric: str) -> None:
    wrong = [name for name, row in drawn.items() if np.isnan(row).any()]
    if wrong:
        raise EvaluationError(
            f"{metric} of {wrong[0]!r} is undefined where all images are of one class and are "
            "predicted as it. Compare by another metric, such as accuracy."
        )


def _check_precision(pairs: int, level: float, resamples: int) -> None:
    check_settings(level, resamples)
    if 2 * pairs / (resamples + 1) >= 1 - level:
        raise EvaluationError(
            f"resamples={resamples}: too few to claim a difference at level {level:g} in any of "
            f"{pairs} pairs; use at least {int(2 * pairs / (1 - level)) + 1}."
        )


def _is_loss(found: AnyEvaluation, metric: str) -> bool:
    if isinstance(found, MultiLabelEvaluation):
        return label_metric_named(metric).lower_is_better
    return metric_named(metric, len(found.class_names)).lower_is_better


def _right(found: AnyEvaluation) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if isinstance(found, MultiLabelEvaluation):
        return ~found.wrong
    right: np.ndarray[tuple[int], np.dtype[np.bool_]] = found.predictions == found.y_true
    return right


def _interval(row: Floats, gap: float, p_value: float, level: float) -> tuple[float, float]:
    """Return the resamples' interval, with 0 in it unless p is small: small classes vary little."""
    low, high = percentiles(row, level)
    low = low if p_value < 1 - level else min(low, 0.0)
    return min(low, gap), max(high, gap)


def _error(row: Floats, swapped: Floats) -> float:
    return float(max(row.std(ddof=1), swapped.std(ddof=1)))


def _swapped(
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


def _drawn(
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
