"""Which of several recipes is better, trained on the same folds, and if that can be claimed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats
from tlkit.evaluation.comparing._same_images import same_images
from tlkit.evaluation.comparing.recipe_comparison import RecipeComparison, RecipePair
from tlkit.evaluation.comparing.significance import holm
from tlkit.evaluation.cross_validation import CrossValidation
from tlkit.evaluation.metrics import resampled_t
from tlkit.evaluation.metrics.bootstrap import check_settings


def compared_recipes(
    named: Mapping[str, CrossValidation], metric: str, level: float
) -> RecipeComparison:
    """Compare recipes that were trained on the same folds; see `tlkit.compare`.

    Args:
        named: Cross-validations by name, at least two.
        metric: By which they are compared.
        level: Of the intervals.

    Raises:
        EvaluationError: They are of other images, classes or folds; or a score is undefined.
    """
    check_settings(level)
    _check_same_folds(named)
    first = next(iter(named.values()))
    sign = -1 if first.is_loss(metric) else 1
    scores = {name: sign * found.fold_scores(metric) for name, found in named.items()}
    undefined = [name for name, each in scores.items() if np.isnan(each).any()]
    if undefined:
        raise EvaluationError(
            f"{metric} of {undefined[0]!r} is undefined in a fold, where all images are of one "
            "class and are predicted as it. Compare by another metric, such as accuracy."
        )
    ranking = sorted(scores, key=lambda name: -float(scores[name].mean()))
    ranked = tuple((name, sign * float(scores[name].mean())) for name in ranking)
    spreads = tuple(float(scores[name].std(ddof=1)) for name in ranking)
    pairs = _pairs(scores, ranking, metric, level, first)
    repeats, folds = scores[ranking[0]].shape
    return RecipeComparison(metric, ranked, spreads, pairs, len(first), folds, repeats)


def _pairs(
    scores: Mapping[str, Floats],
    ranking: list[str],
    metric: str,
    level: float,
    first: CrossValidation,
) -> tuple[RecipePair, ...]:
    couples = list(combinations(ranking, 2))
    apart = [scores[a] - scores[b] for a, b in couples]
    errors = [resampled_t.standard_error(rows, first.ratio) for rows in apart]
    tested = list(zip(couples, apart, errors, strict=True))
    p_values = [resampled_t.p_value(float(x.mean()), error, x.size) for _, x, error in tested]
    return tuple(
        RecipePair(
            better=a,
            worse=b,
            metric=metric,
            difference=float(rows.mean()),
            interval=resampled_t.t_interval(float(rows.mean()), error, rows.size, level),
            p_value=p,
            p_adjusted=adjusted,
            level=level,
            standard_error=error,
            ahead=int((rows > 0).sum()),
            folds=rows.shape[1],
            repeats=rows.shape[0],
            images=len(first),
            pairs=len(couples),
        )
        for ((a, b), rows, error), p, adjusted in zip(tested, p_values, holm(p_values), strict=True)
    )


def _check_same_folds(named: Mapping[str, CrossValidation]) -> None:
    (first_name, first), *others = named.items()
    for name, other in others:
        mine, its = first.folds, other.folds
        if len(mine) != len(its) or mine[0].max() != its[0].max():
            told = [f"{int(x.folds[0].max()) + 1} x {len(x.folds)}" for x in (first, other)]
            different = f"folds and repeats, {told[0]} and {told[1]}"
        else:
            same_images({first_name: first.evaluation, name: other.evaluation})
            if all(np.array_equal(*pair) for pair in zip(mine, its, strict=True)):
                continue
            different = "images in their folds"
        raise EvaluationError(
            f"{first_name!r} and {name!r} have different {different}; recipes can only be compared "
            "where they were trained and scored on the same images. Cross-validate both with the "
            "same folds, repeats, groups and seed; trainers may differ in all but pictures."
        )
