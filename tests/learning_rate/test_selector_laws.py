"""Laws that hold for every curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from numpy.typing import NDArray

from tlkit import LRCurve, MinimumOverTen, ShareOfFall, SmoothedMinimum, Steepest, Valley
from tlkit.errors import SelectorError
from tlkit.learning_rate.curve import Selector

ALL: list[Selector] = [
    SmoothedMinimum(),
    SmoothedMinimum(9, max_volatility=0.1),
    ShareOfFall(),
    ShareOfFall(0.3, window=9),
    Steepest(),
    Valley(),
    MinimumOverTen(),
]
# Other processes share the cores, so that no deadline holds.
unhurried = settings(deadline=None, max_examples=40)
every_selector = pytest.mark.parametrize("selector", ALL, ids=repr)

# Sixteenths below a thousand, so that shifting and scaling by powers of two is exact.
exact = st.integers(-16_000, 16_000).map(lambda n: n / 16)
any_losses = st.lists(exact, min_size=1, max_size=40)


@st.composite
def bowls(draw: st.DrawFn, margin: int = 6) -> NDArray[np.float64]:
    """Smooth curves that fall, turn and rise, with different slopes on both sides."""
    size = draw(st.integers(2 * margin + 6, 60))
    best = draw(st.integers(margin, size - 1 - margin))
    left, right = draw(st.floats(0.3, 3)), draw(st.floats(0.3, 3))
    power = draw(st.floats(1.0, 3))
    x = np.arange(size) - best
    return np.asarray(np.where(x < 0, left, right) * (np.abs(x) / 10.0) ** power)


def rates(count: int) -> NDArray[np.float64]:
    return np.geomspace(1e-5, 1, 60)[:count]


def answer(selector: Selector, losses: object) -> float | None:
    values = np.asarray(losses, dtype=float)
    try:
        return selector(LRCurve(rates(len(values)), values))
    except SelectorError:
        return None


@every_selector
@unhurried
@given(losses=any_losses)
def test_the_answer_lies_on_the_curve_or_is_a_refusal(
    selector: Selector, losses: list[float]
) -> None:
    found = answer(selector, losses)
    if isinstance(selector, MinimumOverTen):
        assert found is None or rates(len(losses))[0] <= found <= rates(len(losses))[-1]
    else:
        assert found is None or found in rates(len(losses))


@every_selector
@unhurried
@given(losses=any_losses, power=st.integers(-20, 20))
def test_scaling_the_losses_changes_nothing(
    selector: Selector, losses: list[float], power: int
) -> None:
    assert answer(selector, losses) == answer(selector, np.array(losses) * 2.0**power)


@every_selector
@unhurried
@given(losses=any_losses, shift=st.integers(-100_000, 100_000))
def test_shifting_the_losses_changes_nothing(
    selector: Selector, losses: list[float], shift: int
) -> None:
    assert answer(selector, losses) == answer(selector, np.array(losses) + shift)


@every_selector
@unhurried
@given(losses=bowls(), factor=st.floats(1e-6, 1e6), shift=st.floats(-100, 100))
def test_any_scale_and_shift_change_nothing_on_a_smooth_curve(
    selector: Selector, losses: NDArray[np.float64], factor: float, shift: float
) -> None:
    assert answer(selector, losses) == answer(selector, (losses + shift) * factor)


@every_selector
@unhurried
@given(losses=any_losses, random=st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(
    selector: Selector, losses: list[float], random: object
) -> None:
    order = list(range(len(losses)))
    random.shuffle(order)  # type: ignore[attr-defined]
    mixed = LRCurve(rates(len(losses))[order], np.array(losses)[order])
    assert np.array_equal(mixed.losses, losses)
    try:
        found: float | None = selector(mixed)
    except SelectorError:
        found = None
    assert found == answer(selector, losses)


@every_selector
@unhurried
@given(losses=any_losses, bad=st.sampled_from([np.nan, np.inf, -np.inf]), junk=any_losses)
def test_what_follows_a_loss_that_is_not_finite_is_ignored(
    selector: Selector, losses: list[float], bad: float, junk: list[float]
) -> None:
    cut = [*losses, bad, *junk][:60]
    assert answer(selector, cut) == answer(selector, losses)


@pytest.mark.parametrize("window", [3, 5, 7, 9])
@unhurried
@given(
    losses=bowls(),
    place=st.integers(0, 59),
    sign=st.sampled_from([-1, 1]),
    height=st.floats(-3, 8).map(lambda e: 10.0**e),
)
def test_a_spike_of_any_height_or_depth_does_not_make_its_point_the_choice(
    window: int, losses: NDArray[np.float64], place: int, sign: int, height: float
) -> None:
    assume(place < len(losses))
    selector = SmoothedMinimum(window)
    before = answer(selector, losses)
    spiked = losses.copy()
    spiked[place] += sign * height * np.ptp(losses)
    after = answer(selector, spiked)
    assert after is None or after != rates(len(losses))[place] or after == before


@pytest.mark.parametrize("window", [3, 5, 7, 9])
@unhurried
@given(losses=bowls(), place=st.integers(0, 59), depth=st.floats(1, 1e8))
def test_a_deep_hole_is_not_chosen_even_at_the_bottom(
    window: int, losses: NDArray[np.float64], place: int, depth: float
) -> None:
    assume(place < len(losses))
    spiked = losses.copy()
    spiked[place] = losses.min() - depth * np.ptp(losses)
    assert answer(SmoothedMinimum(window), spiked) != rates(len(losses))[place]


@pytest.mark.parametrize("selector", [SmoothedMinimum(3), SmoothedMinimum(), SmoothedMinimum(7)])
@unhurried
@given(losses=any_losses)
def test_the_choice_is_never_far_from_its_neighbours(
    selector: SmoothedMinimum, losses: list[float]
) -> None:
    found = answer(selector, losses)
    if found is None:
        return
    curve = LRCurve(rates(len(losses)), losses)
    index = int(np.flatnonzero(curve.learning_rates == found)[0])
    half, smooth = selector.window // 2, selector.smooth(curve)
    around = curve.losses[index - half : index + half + 1]
    gained = smooth[half] - np.nanmin(smooth)
    assert abs(losses[index] - np.median(around)) <= selector.max_volatility * gained * 1.0001


@unhurried
@given(losses=bowls(margin=12))
def test_the_smoothed_minimum_of_a_bowl_is_near_its_bottom(losses: NDArray[np.float64]) -> None:
    found = answer(SmoothedMinimum(), losses)
    assert found is not None
    distance = np.log(found / rates(len(losses))[int(np.argmin(losses))])
    assert abs(distance) <= 3.01 * np.log(rates(3)[1] / rates(3)[0])
