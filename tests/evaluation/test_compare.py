"""What can be claimed about two models, and what cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tlkit import Evaluation, compare
from tlkit.errors import EvaluationError
from tlkit.evaluation.significance import holm, mcnemar_exact, two_sided


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
    assert set(result.best_group) == {"A", "B"}


def test_equal_predictions_differ_by_nothing(good: Evaluation) -> None:
    (pair,) = compare([good, good]).pairs
    assert (pair.difference, pair.interval, pair.p_value, pair.mcnemar_p) == (0, (0, 0), 1, 1)
    assert (pair.better, pair.worse) == ("model 1", "model 2")


def test_a_difference_that_only_the_correction_takes_away_says_so(good: Evaluation) -> None:
    from dataclasses import replace

    (pair,) = compare([good, good]).pairs
    sentence = replace(pair, p_value=0.03, p_adjusted=0.09).sentence
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


@settings(deadline=None)
@given(only_first=st.integers(0, 400), only_second=st.integers(0, 400))
def test_mcnemar_equals_scipys_exact_binomial_test(only_first: int, only_second: int) -> None:
    first = np.r_[np.ones(only_first, bool), np.zeros(only_second, bool), True, False]
    second = np.r_[np.zeros(only_first, bool), np.ones(only_second, bool), True, False]
    total = only_first + only_second
    expected = binomtest(only_first, total).pvalue if total else 1.0
    assert mcnemar_exact(first, second) == pytest.approx(expected, rel=1e-9)


def test_holms_correction_is_the_textbooks() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_bootstrap_p_value_is_never_zero() -> None:
    assert two_sided(np.ones(999)) == pytest.approx(2 / 1000)
    assert two_sided(np.array([-1.0, 1.0])) == 1.0


def test_no_difference_is_claimed_about_as_rarely_as_promised() -> None:
    random = np.random.default_rng(0)
    truth = np.arange(200) % 2
    claims = 0
    for _ in range(100):
        rows = random.dirichlet([1, 1], size=(2, 200))
        pair = [Evaluation.from_predictions(truth, row) for row in rows]
        claims += compare(pair, resamples=200).pairs[0].claimed
    assert claims <= 12
