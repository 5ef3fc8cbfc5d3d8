"""What can be claimed about two models, and what cannot."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.conftest import thorough
from tlkit import Comparison, Evaluation, compare
from tlkit.errors import EvaluationError
from tlkit.evaluation.comparing._swaps import swapped_means, swapped_scores
from tlkit.evaluation.comparing.significance import (
    average_ranks,
    further_images,
    holm,
    mcnemar_exact,
    two_sided,
)
from tlkit.evaluation.metrics.scores import SCORES


def test_a_clear_difference_is_claimed_with_its_interval(
    good: Evaluation, poor: Evaluation
) -> None:
    result = compare({"poor": poor, "good": good})
    (pair,) = result.pairs
    assert result.ranking == ("good", "poor")
    assert result.best_group == ("good",)
    assert pair.claimed
    low, high = pair.interval
    assert 0 < low < pair.difference < high
    assert pair.difference == pytest.approx(good.weighted_f1 - poor.weighted_f1)
    assert result.sentences == (
        f"good is better than poor by {100 * pair.difference:.1f} points "
        f"[{100 * low:.1f}, {100 * high:.1f}]",
    )


def test_a_small_difference_is_not_claimed(good: Evaluation, similar: Evaluation) -> None:
    result = compare({"A": good, "B": similar})
    (pair,) = result.pairs
    assert not pair.claimed
    assert pair.interval[0] < 0 < pair.interval[1]
    assert pair.sentence.startswith("no difference can be claimed between")
    assert "at this size (difference" in pair.sentence
    assert re.search(r"; about [\d,]+ more images would be needed$", pair.sentence)
    assert set(result.best_group) == {"A", "B"}
    assert result.groups == (result.ranking,)


def test_equal_predictions_differ_by_nothing(good: Evaluation) -> None:
    (pair,) = compare([good, good]).pairs
    assert (pair.difference, pair.interval, pair.p_value, pair.mcnemar_p) == (0, (0, 0), 1, 1)
    assert (pair.better, pair.worse) == ("model 1", "model 2")
    assert pair.further_images is None
    assert pair.sentence == (
        "no difference can be claimed between model 1 and model 2: their scores are equal, and no "
        "number of images would help"
    )


def test_a_difference_that_only_the_correction_takes_away_says_so(good: Evaluation) -> None:
    (pair,) = compare([good, good]).pairs
    close = replace(pair, difference=0.01, standard_error=0.005, pairs=3)
    sentence = replace(close, p_value=0.03, p_adjusted=0.09).sentence
    assert "at this size after correction for all pairs (difference" in sentence


def test_pairing_makes_the_interval_narrower_than_two_separate_ones(good: Evaluation) -> None:
    rows = good.probabilities.copy()
    rows[:12] = np.roll(rows[:12], 1, axis=1)
    almost = Evaluation.from_predictions(good.y_true, rows, good.class_names)
    (pair,) = compare({"good": good, "almost": almost}).pairs
    low, high = good.interval("weighted_f1")
    assert pair.interval[1] - pair.interval[0] < (high - low) / 2


def test_every_pair_of_three_is_compared_and_printed(
    good: Evaluation, poor: Evaluation, similar: Evaluation
) -> None:
    result = compare({"a": good, "b": similar, "c": poor}, metric="accuracy")
    assert len(result.pairs) == len(result.sentences) == 3
    assert all(pair.p_adjusted >= pair.p_value for pair in result.pairs)
    text = str(result)
    assert text.startswith("accuracy on 600 images")
    assert all(sentence in text for sentence in result.sentences)
    assert "Holm's correction for 3 comparisons" in text


def test_the_same_seed_gives_the_same_result(good: Evaluation, poor: Evaluation) -> None:
    pair, again, other = (compare([good, poor], seed=seed).pairs[0] for seed in (0, 0, 1))
    assert pair == again
    assert pair.interval != other.interval


def relabeled(found: Evaluation, **changes: object) -> Evaluation:
    kept = {
        "y_true": found.y_true,
        "probabilities": found.probabilities,
        "class_names": found.class_names,
    }
    return Evaluation.from_predictions(**{**kept, **changes})  # type: ignore[arg-type]


def test_evaluations_on_different_images_are_refused(good: Evaluation) -> None:
    names = [str(number) for number in range(600)]
    cases = {
        r"different y_true \(600 labels differ\)": relabeled(good, y_true=(good.y_true + 1) % 5),
        "different classes": relabeled(good, class_names=list("abcde")),
        r"different numbers of images \(600 and 9\)": relabeled(
            good, y_true=good.y_true[:9], probabilities=good.probabilities[:9]
        ),
    }
    for said, other in cases.items():
        with pytest.raises(EvaluationError, match=said):
            compare({"A": good, "B": other})
    with pytest.raises(EvaluationError, match="different image names"):
        compare([relabeled(good, image_names=names), relabeled(good, image_names=names[::-1])])
    compare([relabeled(good, image_names=names), good])


def test_evaluations_of_other_pictures_with_the_same_names_are_refused(good: Evaluation) -> None:
    digests = np.arange(600 * 32, dtype=np.uint64).astype(np.uint8).reshape(600, 32)
    one, other = (relabeled(good, image_digests=rows) for rows in (digests, digests[::-1]))
    with pytest.raises(EvaluationError, match=r"different image contents .*digests"):
        compare([one, other])
    compare([one, one])
    compare([one, good])


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_evaluations_are_refused(good: Evaluation, count: int) -> None:
    with pytest.raises(EvaluationError, match=f"got {count} evaluations"):
        compare([good] * count)


def test_too_few_resamples_for_so_many_pairs_are_refused(good: Evaluation) -> None:
    with pytest.raises(EvaluationError, match=r"resamples=100.*6 pairs; use at least 24"):
        compare([good] * 4, resamples=100)


def test_an_unknown_metric_is_refused(good: Evaluation) -> None:
    with pytest.raises(EvaluationError, match="metric='auc'"):
        compare([good, good], metric="auc")


@pytest.mark.parametrize("metric", ["log_loss", "brier_score"])
def test_of_losses_the_lower_is_better(good: Evaluation, poor: Evaluation, metric: str) -> None:
    result = compare({"poor": poor, "good": good}, metric)
    (pair,) = result.pairs
    assert result.ranking == ("good", "poor")
    assert pair.difference == pytest.approx(poor.score(metric) - good.score(metric))
    assert 0 < pair.interval[0] < pair.difference < pair.interval[1]
    assert pair.sentence.startswith(
        f"good is better than poor by {pair.difference:.4f} of {metric.replace('_', ' ')} ["
    )


@pytest.mark.parametrize("metric", ["top_2", "cohen_kappa"])
def test_other_scores_are_compared_as_well(good: Evaluation, poor: Evaluation, metric: str) -> None:
    result = compare({"poor": poor, "good": good}, metric)
    assert result.best_group == ("good",)
    assert dict(result.scores)["good"] == good.score(metric)


def test_an_undefined_kappa_cannot_be_compared() -> None:
    found = Evaluation.from_predictions([0, 0], [[0.9, 0.1], [0.8, 0.2]])
    with pytest.raises(EvaluationError, match="cohen_kappa of 'model 1' is undefined"):
        compare([found, found], "cohen_kappa")


def test_ranks_are_averaged_over_the_resamples(
    good: Evaluation, poor: Evaluation, similar: Evaluation
) -> None:
    result = compare({"poor": poor, "a": good, "b": similar})
    names, ranks = zip(*result.average_ranks, strict=True)
    assert names == result.ranking
    assert ranks[2] == 3
    assert 1 < ranks[0] < ranks[1] < 2
    assert sum(ranks) == pytest.approx(6)
    assert result.groups == (result.ranking[:2], ("poor",))
    assert "no difference claimed among: " + ", ".join(result.ranking[:2]) + "\n" in str(result)
    assert "no difference claimed among: none" in str(compare({"poor": poor, "a": good}))
    assert "average rank 3.00" in str(result)


def test_equal_models_share_a_rank(good: Evaluation) -> None:
    assert average_ranks(np.ones((3, 5))) == [2, 2, 2]
    assert average_ranks(np.array([[3.0, 3.0], [3.0, 1.0], [1.0, 2.0]])) == [1.25, 2.25, 2.5]
    assert dict(compare([good, good]).average_ranks) == {"model 1": 1.5, "model 2": 1.5}


def test_groups_overlap_as_in_a_critical_difference_diagram(good: Evaluation) -> None:
    (pair,) = compare([good, good]).pairs
    scores = tuple(zip("abcd", (0.9, 0.8, 0.7, 0.6), strict=True))
    told = {("a", "c"), ("a", "d"), ("b", "d")}
    pairs = tuple(
        replace(pair, better=x, worse=y, p_adjusted=0.01 if (x, y) in told else 0.5)
        for x, y in combinations("abcd", 2)
    )
    groups = Comparison("accuracy", scores, pairs, 600, scores).groups
    assert groups == (("a", "b"), ("b", "c"), ("c", "d"))


def test_the_number_of_further_images_is_that_of_the_power_calculation() -> None:
    # (1.959964 + 0.841621)^2 = 7.84888: one standard error needs 7.85 times as many images.
    assert further_images(0.01, 0.01, 1000, 0.05) == 6849
    assert (further_images(0.01, 0.01, 1000, 0.01) or 0) > 6849
    assert further_images(0.0, 0.01, 1000, 0.05) is None
    assert further_images(1e-16, 0.01, 1000, 0.05) is None  # equal but for rounding
    assert further_images(0.03, 0.01, 1000, 0.05) == 1


@pytest.mark.slow
def test_so_many_more_images_show_the_difference_in_four_of_five_comparisons() -> None:
    random = np.random.default_rng(0)
    # One model is right on 70 of 100 images and the other on 73; of 700 images, this shows rarely.
    error = np.sqrt((0.7 * 0.3 + 0.73 * 0.27) / 700)
    more = further_images(0.03, float(error), 700, 0.05)
    assert more is not None
    images, claims = 700 + more, 0
    truth = np.zeros(images, np.int64)
    for _ in range(200):
        right = random.random((2, images)) < [[0.70], [0.73]]
        pair = [Evaluation.from_predictions(truth, np.stack([r, ~r], axis=1) * 1.0) for r in right]
        claims += compare(pair, "accuracy", resamples=400).pairs[0].claimed
    assert 0.72 <= claims / 200 <= 0.88


@settings(deadline=None)
@given(only_first=st.integers(0, 400), only_second=st.integers(0, 400))
def test_mcnemar_is_the_exact_binomial_sum(only_first: int, only_second: int) -> None:
    first = np.r_[np.ones(only_first, bool), np.zeros(only_second, bool), True, False]
    second = np.r_[np.zeros(only_first, bool), np.ones(only_second, bool), True, False]
    total = only_first + only_second
    tail = sum(math.comb(total, i) for i in range(min(only_first, only_second) + 1))
    expected = min(1.0, float(Fraction(2 * tail, 2**total)))  # in whole numbers
    assert mcnemar_exact(first, second) == pytest.approx(expected, rel=1e-12)


def test_holms_correction_is_the_textbooks() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_p_value_of_swaps_is_never_zero() -> None:
    assert two_sided(0.5, np.zeros(999)) == pytest.approx(2 / 1000)
    assert two_sided(0.5, np.array([-1.0, 1.0])) == 1.0
    assert two_sided(0.0, np.zeros(999)) == 1.0


def equal_models(
    images: int, classes: int, right: float, random: np.random.Generator
) -> tuple[Evaluation, Evaluation]:
    """Two that are right with the same probability, and often on the same images."""
    truth, wrong = np.arange(images) % classes, random.integers(1, classes, (2, images))
    alike = random.random(images) < 0.4
    luck = np.where(alike, random.random(images), random.random((2, images)))
    guesses = np.where(luck < right, truth, (truth + wrong) % classes)
    first, second = (Evaluation.from_predictions(truth, np.eye(classes)[row]) for row in guesses)
    return first, second


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy", "brier_score"])
@pytest.mark.parametrize(("images", "classes"), [(10, 10), (12, 2), *thorough((30, 10), (200, 2))])
def test_no_difference_is_claimed_of_equal_models_with_however_few_images_in_a_class(
    metric: str, images: int, classes: int
) -> None:
    random = np.random.default_rng(0)
    claims, intervals_without_zero = 0, 0
    for _ in range(100):
        (pair,) = compare(equal_models(images, classes, 0.7, random), metric, resamples=200).pairs
        claims += pair.claimed
        intervals_without_zero += pair.interval[0] > 0
    assert claims <= 11  # of 100 at 5 %, 11 or fewer in 99 of 100 runs
    assert intervals_without_zero <= 11


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), metric=st.sampled_from(["accuracy", "macro_f1", "log_loss"]))
def test_swapped_answers_differ_as_those_that_are_swapped_one_by_one(
    seed: int, metric: str
) -> None:
    """Of three images all eight swaps are known: their differences, and no others, come out."""
    random = np.random.default_rng(seed)
    truth, rows = random.integers(0, 3, 3), random.dirichlet(np.ones(3), size=(2, 3))
    expected = set()
    for swaps in product((False, True), repeat=3):
        one, other = (
            Evaluation.from_predictions(truth, np.where(np.array(swaps)[:, None], *pair))
            for pair in (rows, rows[::-1])
        )
        expected.add(round(one.score(metric) - other.score(metric), 9))
    first, second = (Evaluation.from_predictions(truth, row) for row in rows)
    if metric == "log_loss":
        losses = [-np.log(row[np.arange(3), truth]) for row in rows]
        found = swapped_means((losses[0], losses[1]), 400, seed)
    else:
        guesses = (first.predictions, second.predictions)
        found = swapped_scores(SCORES[metric], truth, guesses, 3, 400, seed)
    assert set(np.round(found, 9)) == expected


def test_for_accuracy_the_p_value_is_mcnemars() -> None:
    random = np.random.default_rng(0)
    pair = compare(equal_models(300, 2, 0.7, random), "accuracy", resamples=20_000).pairs[0]
    assert pair.p_value == pytest.approx(pair.mcnemar_p, abs=0.015)


def test_no_difference_is_claimed_about_as_rarely_as_promised() -> None:
    random = np.random.default_rng(0)
    truth = np.arange(200) % 2
    claims = 0
    for _ in range(100):
        rows = random.dirichlet([1, 1], size=(2, 200))
        pair = [Evaluation.from_predictions(truth, row) for row in rows]
        claims += compare(pair, resamples=200).pairs[0].claimed
    assert claims <= 12
