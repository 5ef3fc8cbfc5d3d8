"""Cross-validations: scores of each training, honest intervals, and which recipe is better."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from tlkit import CrossValidation, Evaluation, MultiLabelEvaluation, RecipeComparison, compare
from tlkit.errors import EvaluationError, TlkitError
from tlkit.evaluation.metrics import resampled_t

IMAGES, FOLDS, REPEATS = 120, 4, 2
TRUTH = np.arange(IMAGES) % 3
DEALS = tuple(np.random.default_rng(r).permutation(IMAGES) % FOLDS for r in range(REPEATS))


def right_on(share: float, seed: int, truth: np.ndarray = TRUTH) -> Evaluation:
    """A model that is right on about a share of the images."""
    random = np.random.default_rng(seed)
    right = random.random(len(truth)) < share
    given = np.where(right, truth, (truth + 1) % 3)
    rows = np.full((len(truth), 3), 0.1)
    rows[np.arange(len(truth)), given] = 0.8
    return Evaluation.from_predictions(truth, rows, ("a", "b", "c"))


def crossed(share: float, seed: int = 0) -> CrossValidation:
    return CrossValidation(tuple(right_on(share, seed + r) for r in range(REPEATS)), DEALS)


def test_each_training_has_the_score_of_the_images_that_it_has_not_seen() -> None:
    found = crossed(0.7)
    for metric, of in (("accuracy", accuracy_score), ("weighted_f1", None)):
        scores = found.fold_scores(metric)
        assert scores.shape == (REPEATS, FOLDS)
        for repeat, (each, deal) in enumerate(zip(found.evaluations, DEALS, strict=True)):
            for fold in range(FOLDS):
                pair = each.y_true[deal == fold], each.predictions[deal == fold]
                known = of(*pair) if of else f1_score(*pair, average="weighted")
                assert scores[repeat, fold] == pytest.approx(known)
        assert found.score(metric) == pytest.approx(scores.mean())
        assert found.spread(metric) == pytest.approx(scores.std(ddof=1))
    assert (found.trainings, len(found)) == (8, IMAGES)
    assert found.ratio == pytest.approx(1 / 3)


def test_the_interval_allows_for_images_that_trainings_share() -> None:
    found = crossed(0.7)
    scores = found.fold_scores("accuracy")
    error = scores.std(ddof=1) * math.sqrt(1 / 8 + 1 / 3)
    half = stats.t.ppf(0.95, 7) * error
    ends = found.interval("accuracy", level=0.9)
    assert ends == pytest.approx((scores.mean() - half, scores.mean() + half))
    naive = stats.t.interval(0.9, 7, scores.mean(), stats.sem(scores.ravel()))
    assert ends[0] < naive[0] < naive[1] < ends[1]


def test_an_interval_does_not_reach_beyond_what_can_be() -> None:
    assert crossed(0.99).interval("accuracy")[1] == 1
    assert crossed(0.99).interval("log_loss")[0] >= 0


def test_the_verdict_is_the_corrected_resampled_t_test_on_each_trainings_difference() -> None:
    named = {"good": crossed(0.9), "poor": crossed(0.55, seed=9)}
    found = compare(named, "accuracy")
    assert isinstance(found, RecipeComparison)
    apart = named["good"].fold_scores("accuracy") - named["poor"].fold_scores("accuracy")
    error = apart.std(ddof=1) * math.sqrt(1 / 8 + 1 / 3)
    (pair,) = found.pairs
    assert pair.p_value == pytest.approx(2 * stats.t.sf(apart.mean() / error, 7))
    assert pair.interval == pytest.approx(stats.t.interval(0.95, 7, apart.mean(), error))
    assert (pair.better, pair.ahead, pair.trainings) == ("good", (apart > 0).sum(), 8)
    assert found.ranking == ("good", "poor")
    assert pair.claimed
    assert found.best_group == ("good",)
    assert f"ahead in {pair.ahead} of 8 trainings" in pair.sentence


def test_of_a_loss_the_lower_is_better() -> None:
    found = compare([crossed(0.9), crossed(0.5, seed=9)], "log_loss")
    assert found.ranking == ("model 1", "model 2")
    assert found.scores[0][1] < found.scores[1][1]
    assert found.pairs[0].difference > 0


def test_where_nothing_can_be_claimed_the_sentence_says_what_would_help() -> None:
    (pair,) = compare([crossed(0.7), crossed(0.69, seed=3)], "accuracy").pairs
    assert not pair.claimed
    assert "each trained 8 times" in pair.sentence
    assert "more images" in pair.sentence
    assert pair.repeats_needed is None  # with endless repeats, chance in the images is left
    wide = replace(pair, standard_error=pair.difference / 2.6, p_adjusted=0.2, p_value=0.2)
    assert wide.repeats_needed is not None
    assert wide.repeats_needed > wide.repeats
    assert "repeats in all" in wide.sentence


def test_one_recipe_is_not_better_than_itself() -> None:
    (pair,) = compare([crossed(0.7), crossed(0.7)]).pairs
    assert (pair.difference, pair.p_value, pair.claimed) == (0, 1, False)
    assert "equal" in pair.sentence


def test_trainings_that_all_differ_alike_are_judged_by_their_signs() -> None:
    assert resampled_t.p_value(0.1, 0.0, 2) == 0.5
    assert resampled_t.p_value(0.1, 0.0, 10) < 0.05


def test_classes_in_another_order_are_matched_by_name() -> None:
    one = crossed(0.7)
    turned = tuple(
        Evaluation.from_predictions(
            (each.y_true + 1) % 3, np.roll(each.probabilities, 1, axis=1), ("c", "a", "b")
        )
        for each in one.evaluations
    )
    assert compare([one, CrossValidation(turned, DEALS)]).pairs[0].difference == pytest.approx(0)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (CrossValidation((right_on(0.7, 0),), DEALS[:1]), "folds and repeats, 4 x 2 and 4 x 1"),
        (
            CrossValidation((right_on(0.7, 0),) * 2, tuple(deal % 3 for deal in DEALS)),
            "folds and repeats, 4 x 2 and 3 x 2",
        ),
        (CrossValidation((right_on(0.7, 0),) * 2, DEALS[::-1]), "images in their folds"),
        (
            CrossValidation((right_on(0.7, 0, TRUTH[::-1]),) * 2, DEALS),
            "y_true",
        ),
    ],
)
def test_recipes_of_other_folds_or_images_are_refused(other: CrossValidation, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        compare({"a": crossed(0.7), "b": other})


def test_a_cross_validation_is_not_compared_with_a_single_model() -> None:
    with pytest.raises(EvaluationError, match=r"its \.evaluation"):
        compare({"recipe": crossed(0.7), "model": right_on(0.7, 1)})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "folds",
    [
        (DEALS[0],),
        (DEALS[0][1:], DEALS[1]),
        (DEALS[0] * 2, DEALS[1]),
        (DEALS[0] * 1.0, DEALS[1]),
        (DEALS[0] * 0, DEALS[1] * 0),
        (DEALS[0], DEALS[1] % 3),
    ],
)
def test_folds_that_do_not_fit_are_refused(folds: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(TlkitError, match="folds"):
        CrossValidation((right_on(0.7, 0),) * 2, folds)


def test_a_score_that_is_undefined_in_a_fold_cannot_be_compared() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1])
    found = Evaluation.from_predictions(truth, np.eye(2)[truth])
    alone = CrossValidation((found,), (truth,))
    with pytest.raises(EvaluationError, match=r"undefined in a fold.*accuracy"):
        compare([alone, alone], "cohen_kappa")


def test_images_with_any_number_of_labels_are_compared_too() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, (IMAGES, 3))

    def of(noise: float) -> CrossValidation:
        rows = np.clip(truth * 0.8 + 0.1 + random.normal(0, noise, truth.shape), 0, 1)
        found = MultiLabelEvaluation.from_predictions(truth, rows)
        return CrossValidation((found,) * 2, DEALS)

    found = compare({"poor": of(0.9), "good": of(0.1)}, "macro_f1")
    assert found.best_group == ("good",)
    assert "subset accuracy" in str(of(0.1))


def simulated(random: np.random.Generator, better_by: float = 0.0) -> bool:
    """Two recipes whose every training is a little better or worse by chance; is one claimed?

    How hard each image is, is the same for both; a training is as good as its recipe and luck.
    """
    truth = np.arange(300) % 3
    hard = random.random(300)
    deal = random.permutation(300) % 5
    pair = []
    for gain in (0.0, better_by):
        luck = random.normal(0, 0.015, 5)[deal]
        right = hard + random.normal(0, 0.15, 300) < 0.7 + gain + luck
        rows = np.eye(3)[np.where(right, truth, (truth + 1) % 3)]
        pair.append(CrossValidation((Evaluation.from_predictions(truth, rows),), (deal,)))
    return compare(pair, "accuracy").pairs[0].claimed


@pytest.mark.parametrize("pairs", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_equal_recipes_are_seldom_told_apart(pairs: int) -> None:
    random = np.random.default_rng(0)
    claims = sum(simulated(random) for _ in range(pairs))
    assert claims / pairs <= 0.06


def test_a_recipe_that_is_much_better_is_found() -> None:
    random = np.random.default_rng(1)
    assert sum(simulated(random, 0.2) for _ in range(20)) >= 18
