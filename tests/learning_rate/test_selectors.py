"""What each selector answers, and when it refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tlkit import LRCurve, MinimumOverTen, ShareOfFall, SmoothedMinimum, Steepest, Valley
from tlkit.errors import LearningRateError, SelectorError
from tlkit.learning_rate.curve import Selector

ALL: list[Selector] = [SmoothedMinimum(), ShareOfFall(), Steepest(), Valley(), MinimumOverTen()]
RATES = np.geomspace(1e-5, 1, 41)


def curve(losses: object) -> LRCurve:
    return LRCurve(RATES, np.asarray(losses, dtype=float))


def bowl(best: int = 25) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 1 + ((np.arange(41) - best) / 10.0) ** 2


@pytest.mark.parametrize("window", [3, 5, 7, 9])
def test_published_sweep_gives_the_published_rate_whatever_the_window(
    published: LRCurve, window: int
) -> None:
    assert 0.00036 <= SmoothedMinimum(window)(published) <= 0.00048


@pytest.mark.parametrize("max_volatility", [0.05, 0.1, 0.25, 0.5, 1.0, 10.0])
def test_published_sweep_gives_the_published_rate_whatever_the_volatility_limit(
    published: LRCurve, max_volatility: float
) -> None:
    assert 0.00036 <= SmoothedMinimum(max_volatility=max_volatility)(published) <= 0.00048


@pytest.mark.parametrize("window", [3, 5, 7, 9])
def test_the_published_jumps_are_volatile_and_the_flat_stretch_is_calm(
    published: LRCurve, window: int
) -> None:
    selector = SmoothedMinimum(window)
    calm = selector.volatility(published) <= selector.max_volatility
    half = window // 2
    assert calm[70 : 79 - half].all()
    assert not calm[[80, 81, 89]].any()
    assert calm[20:40].all()


@pytest.mark.parametrize("window", [3, 5, 7, 9])
@pytest.mark.parametrize("start", [60, 70])
def test_a_sweep_that_begins_after_the_divergence_is_refused(
    published: LRCurve, window: int, start: int
) -> None:
    late = LRCurve(published.learning_rates[start:], published.losses[start:])
    with pytest.raises(SelectorError, match=r"min_lr|calm"):
        SmoothedMinimum(window)(late)


def test_smoothed_minimum_finds_the_bottom_of_a_bowl() -> None:
    assert SmoothedMinimum()(curve(bowl())) == RATES[25]


def test_a_deep_hole_of_one_point_is_not_chosen() -> None:
    losses = bowl()
    losses[10] = -1000
    assert SmoothedMinimum()(curve(losses)) == RATES[25]


def test_a_cliff_right_behind_the_bottom_is_no_reason_to_refuse() -> None:
    losses = 5 - 0.1 * np.arange(41)
    losses[30:] = 10.0 ** np.arange(11)
    assert RATES[26] <= SmoothedMinimum()(curve(losses)) <= RATES[29]


def test_losses_below_zero_are_as_good_as_others() -> None:
    assert SmoothedMinimum()(curve(bowl() - 100)) == RATES[25]


def test_pure_noise_is_refused() -> None:
    noise = np.random.default_rng(3).normal(size=41)
    with pytest.raises(SelectorError, match="own scatter"):
        SmoothedMinimum(max_volatility=0.25)(curve(noise))


@pytest.mark.parametrize("selector", ALL)
def test_a_model_that_has_learned_all_is_told_from_noise(selector: Selector) -> None:
    noise = 1 + 0.3 * np.random.default_rng(3).normal(size=41)
    losses = 0.03 * np.abs(noise)
    losses[20:] = 0.03 * 1.8 ** np.arange(21) * np.abs(noise[20:])
    with pytest.raises(SelectorError, match=r"rises to \d.*: little is left to learn\. Search"):
        selector(curve(losses))


def test_steepest_goes_by_log_rate() -> None:
    steps = -1 / (1 + np.exp(-(np.arange(41) - 20) / 2.0))
    assert Steepest(3)(curve(steps)) == pytest.approx(RATES[20])


def test_steepest_ignores_the_fall_after_a_divergence(published: LRCurve) -> None:
    assert Steepest()(published) < 0.0005


def test_valley_takes_the_middle_of_the_middle_third_of_the_longest_fall() -> None:
    losses = np.concatenate([np.full(5, 9.0), 8 - 0.1 * np.arange(30), np.full(6, 20.0)])
    # The fall has 31 points, indices 4 to 34; fastai's formula counts from the point before it.
    assert Valley()(curve(losses)) == RATES[34 - 31 + 10 + 5]


def test_minimum_over_ten_is_a_tenth_of_the_rate_of_the_minimum() -> None:
    assert MinimumOverTen()(curve(bowl())) == pytest.approx(RATES[25] / 10)


def test_minimum_over_ten_does_not_leave_the_curve() -> None:
    with pytest.raises(SelectorError, match="lies below the curve"):
        MinimumOverTen()(curve(bowl(best=6)))


@pytest.mark.parametrize("selector", ALL, ids=lambda s: type(s).__name__)
def test_a_flat_curve_is_refused(selector: Selector) -> None:
    with pytest.raises(SelectorError, match=r"flat|no valley"):
        selector(curve(np.full(41, 2.5)))


@pytest.mark.parametrize("selector", ALL, ids=lambda s: type(s).__name__)
def test_a_rising_curve_is_refused(selector: Selector) -> None:
    with pytest.raises(SelectorError, match="min_lr"):
        selector(curve(np.arange(41)))


@pytest.mark.parametrize("selector", [SmoothedMinimum(), MinimumOverTen()])
def test_a_loss_that_still_falls_at_the_end_is_refused(selector: Selector) -> None:
    with pytest.raises(SelectorError, match=r"still falling.*larger max_lr"):
        selector(curve(-np.arange(41)))


def test_a_steady_fall_has_no_steepest_point() -> None:
    with pytest.raises(SelectorError, match="evenly"):
        Steepest()(curve(-np.arange(41) / 7))


def test_a_steady_fall_is_one_valley_as_its_docstring_says() -> None:
    assert Valley()(curve(-np.arange(41))) == RATES[-1 + 13 + 6]


@pytest.mark.parametrize("selector", ALL, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_curve_without_a_finite_loss_is_refused(selector: Selector, bad: float) -> None:
    with pytest.raises(SelectorError, match=r"0 points.*41 were cut off"):
        selector(curve(np.full(41, bad)))


@pytest.mark.parametrize("selector", ALL, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("points", [1, 2])
def test_a_short_curve_is_refused(selector: Selector, points: int) -> None:
    with pytest.raises(SelectorError, match=f"{points} points"):
        selector(LRCurve(RATES[:points], np.arange(points)))


@pytest.mark.parametrize("window", [3, 5, 7])
def test_a_curve_shorter_than_the_window_needs_is_refused(window: int) -> None:
    with pytest.raises(SelectorError, match=f"at least {window + 4}"):
        SmoothedMinimum(window)(LRCurve(RATES[: window + 3], bowl()[: window + 3]))


def test_a_fall_that_ends_in_nan_says_so() -> None:
    losses = np.where(np.arange(41) < 30, -np.arange(41.0), np.nan)
    with pytest.raises(SelectorError, match="stops being finite"):
        SmoothedMinimum()(curve(losses))


@pytest.mark.parametrize("make", [SmoothedMinimum, Steepest])
@pytest.mark.parametrize("window", [0, 1, 4, -3, 5.0, True])
def test_a_window_must_be_odd(make: Callable[..., Selector], window: object) -> None:
    with pytest.raises(LearningRateError, match=r"window=.*odd"):
        make(window=window)


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_the_volatility_limit_must_be_above_zero(limit: float) -> None:
    with pytest.raises(LearningRateError, match="max_volatility"):
        SmoothedMinimum(max_volatility=limit)


def test_selectors_print_as_the_code_that_makes_them() -> None:
    assert repr(SmoothedMinimum(7)) == "SmoothedMinimum(window=7, max_volatility=0.5)"


def test_share_of_fall_takes_the_rate_where_most_of_the_fall_is_made() -> None:
    losses = [100.0] * 10 + [80, 60, 40, 20, 10, 8, 6, 4, 2, 0] + [50.0] * 10
    rates = np.geomspace(1e-5, 1, 30)
    found = {share: ShareOfFall(share, window=3)(LRCurve(rates, losses)) for share in (0.3, 0.7)}
    # Over three points the smallest mean is 2.67, so that the limits are 70.8 and 31.9.
    assert found == {0.3: rates[11], 0.7: rates[13]}
    assert found[0.7] < rates[int(np.argmin(losses))] == rates[19]


def test_share_of_fall_answers_where_the_loss_falls_to_the_end() -> None:
    rates = np.geomspace(1e-5, 1, 30)
    curve = LRCurve(rates, np.linspace(1, 0, 30))
    assert rates[15] < ShareOfFall()(curve) < rates[-1]
    with pytest.raises(SelectorError, match="the loss never falls below where it starts"):
        ShareOfFall()(LRCurve(rates, np.linspace(0, 1, 30)))


@pytest.mark.parametrize("share", [0, 1, -0.5, float("nan")])
def test_share_of_fall_refuses_what_is_no_share(share: float) -> None:
    with pytest.raises(LearningRateError, match=r"expected a share of the fall, above 0 and below"):
        ShareOfFall(share)


def test_share_of_fall_says_why() -> None:
    losses = [100.0] * 10 + [80, 60, 40, 20, 10, 8, 6, 4, 2, 0] + [50.0] * 10
    curve = LRCurve(np.geomspace(1e-5, 1, 30), losses, selector=ShareOfFall(window=3))
    assert "ShareOfFall: from here on the loss stays below 31" in str(curve)
    assert "70% of the whole fall" in str(curve)
