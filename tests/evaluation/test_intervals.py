"""Intervals never claim to be certain, and hold what they are about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tlkit import Evaluation
from tlkit.evaluation.metrics.class_intervals import f1_intervals

SHARES = ("accuracy", "weighted_f1", "macro_f1", "balanced_accuracy", "top_1", "top_2")
LOSSES = ("log_loss", "brier_score")
METRICS = (*SHARES, "cohen_kappa", *LOSSES)


@st.composite
def evaluations(draw: st.DrawFn) -> Evaluation:
    """Any labels and any predictions, with few images and few classes."""
    classes, images = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    label = st.integers(0, classes - 1)
    truth, guess = (draw(st.lists(label, min_size=images, max_size=images)) for _ in range(2))
    sure = draw(st.floats(0.5, 1.0))
    rows = (1 - sure) / classes + sure * np.eye(classes)[guess]
    return Evaluation.from_predictions(truth, rows)


def all_right(images: int, classes: int = 2) -> Evaluation:
    truth = np.arange(images) % classes
    return Evaluation.from_predictions(truth, np.eye(classes)[truth])


def constant(images: int, classes: int) -> Evaluation:
    """A model that takes everything for the first class."""
    rows = np.tile(np.eye(classes)[0], (images, 1))
    return Evaluation.from_predictions(np.arange(images) % classes, rows)


@pytest.mark.parametrize("metric", METRICS)
@settings(deadline=None, max_examples=60)
@given(found=evaluations())
def test_an_interval_holds_the_score_stays_in_range_and_is_no_point(
    metric: str, found: Evaluation
) -> None:
    score, (low, high) = found.score(metric), found.interval(metric, resamples=100)
    if np.isnan(score):
        assert np.isnan([low, high]).all()
        return
    assert low <= score <= high
    assert high - low > 1e-3
    lowest, highest = {"cohen_kappa": (-1, 1), "log_loss": (0, np.inf), "brier_score": (0, 2)}.get(
        metric, (0, 1)
    )
    assert lowest <= low <= high <= highest


@pytest.mark.parametrize("metric", METRICS)
@settings(deadline=None, max_examples=40)
@given(found=evaluations(), levels=st.tuples(st.floats(0.5, 0.99), st.floats(0.5, 0.99)))
def test_a_higher_level_makes_an_interval_wider(
    metric: str, found: Evaluation, levels: tuple[float, float]
) -> None:
    lower, higher = sorted(levels)
    inner, outer = (found.interval(metric, level, resamples=100) for level in (lower, higher))
    if not np.isnan(outer).any():
        assert outer[0] <= inner[0] + 1e-12
        assert inner[1] <= outer[1] + 1e-12


@settings(deadline=None, max_examples=60)
@given(found=evaluations(), levels=st.tuples(st.floats(0.5, 0.99), st.floats(0.5, 0.99)))
def test_the_f1_of_each_class_has_such_intervals_too(
    found: Evaluation, levels: tuple[float, float]
) -> None:
    inner, outer = (f1_intervals(found, level) for level in sorted(levels))
    f1 = np.array([row.f1 for row in found.per_class])
    assert (outer >= 0).all()
    assert (outer <= 1).all()
    assert (outer[:, 0] <= inner[:, 0]).all()
    assert (inner[:, 0] <= f1 + 1e-12).all()
    assert (f1 <= inner[:, 1] + 1e-12).all()
    assert (inner[:, 1] <= outer[:, 1]).all()
    assert (inner[:, 1] - inner[:, 0] > 1e-3).all()


@pytest.mark.parametrize("metric", ["accuracy", "top_1"])
def test_20_right_of_20_is_clopper_and_pearsons(metric: str) -> None:
    # No image wrong: (low end)^20 = 2.5 %.
    assert all_right(20).interval(metric) == pytest.approx((0.025 ** (1 / 20), 1.0))


@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    [(1, 10, 0.0025285785, 0.4450161), (15, 20, 0.5089541, 0.9134285), (0, 5, 0.0, 0.5218238)],
)
def test_accuracy_has_the_textbooks_interval(
    right: int, images: int, low: float, high: float
) -> None:
    guess = [0] * right + [1] * (images - right)
    found = Evaluation.from_predictions([0] * images, np.eye(2)[guess])
    assert found.interval("accuracy") == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "top_2"])
@pytest.mark.parametrize("classes", [2, 5])
def test_all_right_is_no_certainty(metric: str, classes: int) -> None:
    low, high = all_right(20, classes).interval(metric)
    assert high - low > 0.02
    assert (high if metric in LOSSES else low) != pytest.approx(all_right(20).score(metric))


@pytest.mark.parametrize("metric", METRICS)
def test_a_constant_answer_has_an_interval(metric: str) -> None:
    found = constant(30, 3)
    low, high = found.interval(metric)
    assert low < found.score(metric) < high
    assert high - low > 0.1


def test_a_class_with_all_images_right_has_an_f1_below_one_in_its_interval() -> None:
    # J = 5 of 5: (low end)^5 = 2.5 %, F1 = 2 J / (1 + J).
    share = 0.025 ** (1 / 5)
    ends = f1_intervals(all_right(10))
    np.testing.assert_allclose(ends, [[2 * share / (1 + share), 1.0]] * 2)


def test_a_class_that_occurs_nowhere_could_have_any_f1() -> None:
    found = Evaluation.from_predictions([0, 1], np.eye(3)[[0, 1]])
    np.testing.assert_array_equal(f1_intervals(found)[2], [0.0, 1.0])


@pytest.mark.parametrize("metric", [*SHARES[:4], "cohen_kappa"])
def test_with_many_images_an_interval_is_that_of_the_bootstrap(metric: str) -> None:
    """Away from the edges and with much data, all ways are one."""
    random = np.random.default_rng(0)
    truth, wrong = random.integers(0, 4, (2, 4000))
    guess = np.where(random.random(4000) < 0.7, truth, wrong)
    found = Evaluation.from_predictions(truth, np.eye(4)[guess])
    drawn = random.integers(4000, size=(400, 4000))
    scores = [
        Evaluation.from_predictions(truth[d], np.eye(4)[guess[d]]).score(metric) for d in drawn
    ]
    ends = np.quantile(scores, [0.025, 0.975])
    np.testing.assert_allclose(found.interval(metric), ends, atol=0.005)


@pytest.mark.parametrize("metric", METRICS)
def test_an_interval_of_1000_images_takes_a_tenth_of_a_second(metric: str) -> None:
    import time

    random = np.random.default_rng(0)
    rows = random.dirichlet(np.ones(27), size=1000)
    found = Evaluation.from_predictions(random.integers(0, 27, 1000), rows)
    found.interval(metric)  # what is loaded on first use does not count
    # Work of this process: others on the machine do not count.
    start = time.process_time()
    found.interval(metric)
    assert time.process_time() - start < 0.25  # 0.05 s where nothing else runs
