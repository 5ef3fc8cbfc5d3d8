"""Which of several models is better, and whether that can be claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.bootstrap import check_settings, percentiles, resampled_together
from tlkit.evaluation.checks import Floats
from tlkit.evaluation.metrics import Evaluation
from tlkit.evaluation.scores import score_named
from tlkit.evaluation.significance import holm, mcnemar_exact, two_sided


@dataclass(frozen=True)
class PairResult:
    """Two models on the same images; the one with the higher score comes first.

    Args:
        better: Name of the model with the higher (or equal) score.
        worse: Name of the other.
        metric: What is compared.
        difference: Score of ``better`` minus score of ``worse``, 0 or more.
        interval: Bootstrap interval of the difference, lower and upper end.
        p_value: Two-sided bootstrap p of "no difference" in the metric.
        p_adjusted: The same after Holm's correction for all pairs compared.
        mcnemar_p: Exact McNemar p of "both are right equally often".
        mcnemar_adjusted: The same after Holm's correction.
        level: Level of the interval; a difference is claimed if ``p_adjusted < 1 - level``.
    """

    better: str
    worse: str
    metric: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    mcnemar_p: float
    mcnemar_adjusted: float
    level: float

    @property
    def claimed(self) -> bool:
        """Whether the data bear out that ``better`` is better."""
        return self.p_adjusted < 1 - self.level

    @property
    def sentence(self) -> str:
        """The verdict in words; differences in points, hundredths of the metric."""
        low, high = self.interval
        size = f"{100 * self.difference:.1f} points"
        span = f"[{100 * low:.1f}, {100 * high:.1f}]"
        if self.claimed:
            return f"{self.better} is better than {self.worse} by {size} {span}"
        why = " after correction for all pairs" if self.p_value < 1 - self.level else ""
        return (
            f"no difference can be claimed between {self.better} and {self.worse} "
            f"at this size{why} (difference {size} {span})"
        )


@dataclass(frozen=True)
class Comparison:
    """All models compared with each other on the same images.

    Args:
        metric: What is compared.
        scores: Name and score of each model, best first.
        pairs: One result per pair of models, in the order of the ranking.
        images: Number of images.
    """

    metric: str
    scores: tuple[tuple[str, float], ...]
    pairs: tuple[PairResult, ...]
    images: int

    @property
    def ranking(self) -> tuple[str, ...]:
        """Names of the models, best score first."""
        return tuple(name for name, _ in self.scores)

    @property
    def best_group(self) -> tuple[str, ...]:
        """The best model and those that cannot be told from it, in the order of the ranking."""
        best = self.ranking[0]
        beaten = {pair.worse for pair in self.pairs if pair.better == best and pair.claimed}
        return tuple(name for name in self.ranking if name not in beaten)

    @property
    def sentences(self) -> tuple[str, ...]:
        """One verdict per pair of models."""
        return tuple(pair.sentence for pair in self.pairs)

    def __str__(self) -> str:
        width = max(len(name) for name in self.ranking)
        verdicts = [
            f"{pair.sentence}; p {pair.p_adjusted:.2g}, McNemar p {pair.mcnemar_adjusted:.2g}"
            for pair in self.pairs
        ]
        return "\n".join(
            [
                f"{self.metric.replace('_', ' ').replace('f1', 'F1')} on {self.images} images",
                *(f"  {name:<{width}}  {score:.4f}" for name, score in self.scores),
                *verdicts,
                f"(p values after Holm's correction for {len(self.pairs)} comparisons)",
            ]
        )


def compare(
    evaluations: Mapping[str, Evaluation] | Sequence[Evaluation],
    metric: str = "weighted_f1",
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compares models that were evaluated on the same images.

    Images are resampled within their class, the same ones for all models (paired, stratified
    bootstrap). For each pair, the interval holds the central ``level`` of the differences, and
    their p value, after Holm's correction for all pairs, decides whether a difference is claimed.
    McNemar's exact test stands beside it; it compares only how often each model is right.

    Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13;
    :mod:`tlkit.evaluation.significance` gives the formulas of the p values.

    Args:
        evaluations: Two or more, by name; those of a sequence are called "model 1", "model 2", ...
        metric: "weighted_f1", "macro_f1", "accuracy" or "balanced_accuracy".
        level: Level of the intervals; 1 - level is the error allowed over all pairs together.
        resamples: Bootstrap resamples, at least 100, and more for many pairs: the
            smallest p value that can come out is ``2 * pairs / (resamples + 1)``.
        seed: Start of the random numbers.

    Returns:
        The comparison; print it, or read ``sentences``, ``ranking``, ``best_group`` and ``pairs``.

    Raises:
        EvaluationError: If there are fewer than two, they are not about the same images, or there
            are too few resamples to claim anything about so many pairs.

    Example:
        >>> from tlkit import Evaluation, compare
        >>> truth = [0, 1] * 50
        >>> good = Evaluation.from_predictions(truth, [[0.9, 0.1], [0.1, 0.9]] * 50)
        >>> poor = Evaluation.from_predictions(truth, [[0.9, 0.1], [0.9, 0.1]] * 50)
        >>> compare({"good": good, "poor": poor}).ranking
        ('good', 'poor')
    """
    named = _named(evaluations)
    _check_same_images(named)
    _check_precision(len(named) * (len(named) - 1) // 2, level, resamples)
    score_named(metric)
    scores = {name: float(getattr(found, metric)) for name, found in named.items()}
    ranking = sorted(scores, key=lambda name: -scores[name])
    couples = list(combinations(ranking, 2))
    draws = _differences(named, couples, metric, resamples, seed)
    p_values = [two_sided(drawn) for drawn in draws]
    mcnemar = [mcnemar_exact(_right(named[a]), _right(named[b])) for a, b in couples]
    columns = zip(couples, draws, p_values, holm(p_values), mcnemar, holm(mcnemar), strict=True)
    pairs = tuple(
        PairResult(
            better=a,
            worse=b,
            metric=metric,
            difference=scores[a] - scores[b],
            interval=percentiles(drawn, level),
            p_value=p,
            p_adjusted=adjusted,
            mcnemar_p=mcnemar_p,
            mcnemar_adjusted=mcnemar_adjusted,
            level=level,
        )
        for (a, b), drawn, p, adjusted, mcnemar_p, mcnemar_adjusted in columns
    )
    ranked = tuple((name, scores[name]) for name in ranking)
    return Comparison(metric, ranked, pairs, len(named[ranking[0]]))


def _named(evaluations: Mapping[str, Evaluation] | Sequence[Evaluation]) -> dict[str, Evaluation]:
    if isinstance(evaluations, Mapping):
        named = dict(evaluations)
    else:
        named = {f"model {number}": found for number, found in enumerate(evaluations, 1)}
    if len(named) < 2:
        raise EvaluationError(f"got {len(named)} evaluations; expected two or more to compare.")
    return named


def _check_same_images(named: Mapping[str, Evaluation]) -> None:
    (first_name, first), *others = named.items()
    for name, other in others:
        different = _what_differs(first, other)
        if different:
            raise EvaluationError(
                f"{first_name!r} and {name!r} have different {different}; models can only be "
                "compared on the same images in the same order. Evaluate both on one dataset."
            )


def _what_differs(first: Evaluation, other: Evaluation) -> str | None:
    if len(first) != len(other):
        return f"numbers of images ({len(first)} and {len(other)})"
    if first.class_names != other.class_names:
        return "classes"
    if not np.array_equal(first.y_true, other.y_true):
        return f"y_true ({int((first.y_true != other.y_true).sum())} labels differ)"
    unknown = first.image_names is None or other.image_names is None
    return None if unknown or first.image_names == other.image_names else "image names"


def _check_precision(pairs: int, level: float, resamples: int) -> None:
    check_settings(level, resamples)
    if 2 * pairs / (resamples + 1) >= 1 - level:
        raise EvaluationError(
            f"resamples={resamples}: too few to claim a difference at level {level:g} in any of "
            f"{pairs} pairs; use at least {int(2 * pairs / (1 - level)) + 1}."
        )


def _right(found: Evaluation) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    right: np.ndarray[tuple[int], np.dtype[np.bool_]] = found.predictions == found.y_true
    return right


def _differences(
    named: Mapping[str, Evaluation],
    couples: Sequence[tuple[str, str]],
    metric: str,
    resamples: int,
    seed: int,
) -> list[Floats]:
    """For each couple, the difference of the scores in every resample."""
    first = next(iter(named.values()))
    guesses = [found.predictions for found in named.values()]
    counts = resampled_together(first.y_true, guesses, len(first.class_names), resamples, seed)
    drawn = dict(zip(named, map(score_named(metric), counts), strict=True))
    return [drawn[a] - drawn[b] for a, b in couples]
