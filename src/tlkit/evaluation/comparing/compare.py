"""Which of several models is better, and whether that can be claimed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import overload

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.comparing._draws import resampled_scores, swapped_differences
from tlkit.evaluation.comparing._recipes import compared_recipes
from tlkit.evaluation.comparing._same_images import by_name, same_images
from tlkit.evaluation.comparing.comparison import Comparison, PairResult
from tlkit.evaluation.comparing.recipe_comparison import RecipeComparison
from tlkit.evaluation.comparing.significance import average_ranks, holm, mcnemar_exact, two_sided
from tlkit.evaluation.cross_validation import CrossValidation
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.metrics.bootstrap import check_settings, percentiles
from tlkit.evaluation.multi_label import MultiLabelEvaluation

__all__ = ["Comparison", "PairResult", "compare"]


@overload
def compare(
    evaluations: Mapping[str, CrossValidation] | Sequence[CrossValidation],
    metric: str = "weighted_f1",
    *,
    level: float = 0.95,
) -> RecipeComparison: ...
@overload
def compare(
    evaluations: Mapping[str, AnyEvaluation] | Sequence[AnyEvaluation],
    metric: str = "weighted_f1",
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison: ...
def compare(
    evaluations: Mapping[str, AnyEvaluation | CrossValidation]
    | Sequence[AnyEvaluation | CrossValidation],
    metric: str = "weighted_f1",
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison | RecipeComparison:
    """Compare models that were evaluated on the same images, or recipes trained on the same folds.

    Of two evaluations it says which **model** is better; trained again, with another seed, either
    could come out otherwise. Of two cross-validations it says which **recipe** is: each was trained
    for every fold and repeat, and chance in training is in the verdict. The p value is then that of
    the corrected resampled t-test on the differences of each training's score, ``t = mean / (s *
    sqrt(1 / J + 1 / (folds - 1)))`` for J trainings at J - 1 degrees of freedom, and the interval
    follows from the same error; nothing is resampled. Source: C. Nadeau and Y. Bengio, "Inference
    for the Generalization Error", Machine Learning 52, 2003, doi 10.1023/A:1024068626366.

    Of models, for each pair, the p value says how often a difference of this size comes about by
    chance, when a coin decides for each image which model gave which answer. After Holm's
    correction for all pairs it decides whether a difference is claimed: of equal models at most 1 -
    level are told apart, with few images too. For the interval, images are resampled within their
    class, the same ones for all models (paired, stratified bootstrap); it holds the central
    ``level`` of the differences, and 0 where the p value alone would not claim one. McNemar's exact
    test stands beside it; it compares only how often each model is right.

    Source: A. Yeh, "More accurate tests for the statistical significance of result differences",
    COLING 2000; B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8
    and 13; the module ``comparing.significance`` gives the formulas of the p values.

    Args:
        evaluations: Two or more, or two or more cross-validations of the same folds, by name; those
            of a sequence are called "model 1", "model 2", ... Their classes may stand in different
            orders; they are matched by name.
        metric: "weighted_f1", "macro_f1", "accuracy", "balanced_accuracy", "cohen_kappa",
            "log_loss", "brier_score" (of these two the lower is better), or "top_5" and the like;
            of multi-label evaluations one of those that have an interval. Their images are
            resampled from all, not within a class, and McNemar's test counts images all of whose
            labels are right.
        level: Level of the intervals; 1 - level is the error allowed over all pairs together.
        resamples: Of models: number of resamples, and of swaps, at least 100, and more for many
            pairs: the smallest p value that can come out is ``2 * pairs / (resamples + 1)``.
        seed: Start of their random numbers.

    Returns:
        The comparison; print it, or read ``sentences``, ``ranking``, ``average_ranks``,
        ``groups``, ``best_group`` and ``pairs``.

    Raises:
        EvaluationError: If there are fewer than two, they are not about the same images (their
            labels, names or digests differ) or the same classes, the metric is not known or
            undefined, or there are too few resamples to claim anything about so many pairs; or
            cross-validations of other folds, or beside evaluations.

    Example:
        >>> from tlkit import Evaluation, compare
        >>> truth = [0, 1] * 50
        >>> good = Evaluation.from_predictions(truth, [[0.9, 0.1], [0.1, 0.9]] * 50)
        >>> poor = Evaluation.from_predictions(truth, [[0.9, 0.1], [0.9, 0.1]] * 50)
        >>> compare({"good": good, "poor": poor}).ranking
        ('good', 'poor')
    """
    given = by_name(evaluations)
    crossed = {n: found for n, found in given.items() if isinstance(found, CrossValidation)}
    if len(crossed) == len(given):
        return compared_recipes(crossed, metric, level)
    _check_no_recipe(crossed)
    named = same_images(given)
    pairs = len(named) * (len(named) - 1) // 2
    _check_precision(pairs, level, resamples)
    first = next(iter(named.values()))
    sign = -1 if first.is_loss(metric) else 1
    scores = {name: found.score(metric) for name, found in named.items()}
    ranking = sorted(scores, key=lambda name: -sign * scores[name])
    drawn = {
        name: sign * row for name, row in resampled_scores(named, metric, resamples, seed).items()
    }
    _check_defined(drawn, metric)
    couples = list(combinations(ranking, 2))
    chance = [swapped_differences(named[a], named[b], metric, resamples, seed) for a, b in couples]
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


def _check_no_recipe(crossed: Mapping[str, CrossValidation]) -> None:
    if crossed:
        name = next(iter(crossed))
        raise EvaluationError(
            f"{name!r} is a cross-validation and stands beside evaluations of single models; "
            "expected all of one kind. Cross-validate the others too, or compare its .evaluation, "
            "whose images were each predicted by a model that had not seen them."
        )


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
