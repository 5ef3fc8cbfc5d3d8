"""Noise gives no rate, and a start-up does not decide one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import thorough
from tlkit import LRCurve
from tlkit.errors import SelectorError
from tlkit.learning_rate.selectors._start_up import start_up
from tlkit.learning_rate.selectors.builtin import BUILT_IN, BuiltIn

CURVES = 150
Floats = NDArray[np.float64]


def correlated(draw: np.random.Generator, shape: tuple[int, int], share: float) -> Floats:
    values = draw.normal(size=(shape[0], shape[1] + 100))
    for index in range(1, values.shape[1]):
        values[:, index] += share * values[:, index - 1]
    return np.asarray(values[:, 100:])


def noise(kind: str, shape: tuple[int, int]) -> Floats:
    draw = np.random.default_rng([len(kind), shape[1]])
    values = draw.normal(size=shape)
    if kind == "heavy tails":
        values = draw.standard_t(2, size=shape)
    if kind.startswith("correlated"):
        values = correlated(draw, shape, float(kind.split()[1]))
    if kind == "one outlier":
        values[np.arange(shape[0]), draw.integers(shape[1], size=shape[0])] += 30
    if kind == "high first losses":
        values[:, :3] += (30, 20, 10)
    if kind == "rising":
        values += np.linspace(0, 1, shape[1])
    return values


def answers(selector: BuiltIn, losses: Floats) -> bool:
    try:
        selector(LRCurve(np.geomspace(1e-5, 1, len(losses)), losses))
    except SelectorError:
        return False
    return True


@pytest.mark.parametrize("selector", [kind() for kind in BUILT_IN], ids=repr)
@pytest.mark.parametrize(("offset", "scale"), [(1.1, 0.02), *thorough((0, 1e3))])
@pytest.mark.parametrize("rates", [30, *thorough(60, 100)])
@pytest.mark.parametrize(
    "kind",
    [
        "normal",
        "heavy tails",
        "correlated 0.5",
        "correlated 0.8",
        "one outlier",
        "high first losses",
        "rising",
    ],
)
def test_at_most_five_in_a_hundred_noise_curves_give_a_rate(
    selector: BuiltIn, kind: str, rates: int, offset: float, scale: float
) -> None:
    curves = offset + scale * noise(kind, (CURVES, rates))
    assert sum(answers(selector, losses) for losses in curves) <= 0.05 * CURVES


def falling(draw: np.random.Generator, scatter: float) -> tuple[Floats, Floats]:
    rates = np.geomspace(1e-6, 1, 100)
    decades = np.log10(rates)
    fall = 2 / (1 + np.exp(3 * (decades + 2.4))) + 3 * np.maximum(0, decades + 1)
    return rates, fall + scatter * draw.normal(size=100)


@pytest.mark.parametrize("selector", [kind() for kind in BUILT_IN], ids=repr)
@pytest.mark.parametrize("scatter", [0, 0.02, 0.1])
@pytest.mark.parametrize(
    "raised", [(3,), (3, 2), (9, 9, 9), (5, 2.5, 1.2, 0.6, 0.3), (1,) * 5, (50, 20, 9, 5, 2, 1)]
)
def test_high_first_losses_change_the_answer_by_a_few_points_at_most(
    selector: BuiltIn, scatter: float, raised: tuple[float, ...]
) -> None:
    rates, losses = falling(np.random.default_rng(1), scatter)
    high = losses.copy()
    high[: len(raised)] += raised
    moved = np.log10(selector(LRCurve(rates, high)) / selector(LRCurve(rates, losses)))
    assert abs(moved) < 0.35


@pytest.mark.parametrize("losses", [-np.arange(60.0), (np.arange(60.0) - 40) ** 2, np.zeros(60)])
def test_a_steady_or_slowing_fall_has_no_start_up(losses: Floats) -> None:
    assert start_up(losses) == 0
