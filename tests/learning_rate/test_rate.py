"""A learning rate in each of its forms, and what is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st

import tlkit
from tlkit.errors import TrainingError
from tlkit.learning_rate.rate import Rate, scaled

CosineDecay = keras.optimizers.schedules.CosineDecay
FINDER = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=4)
SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.08, 3, 0.5)
SEARCHED = tlkit.WarmupCosine(peak=FINDER)


def halving(steps: int) -> Any:
    """A schedule of one's own."""
    return keras.optimizers.schedules.ExponentialDecay(0.1, steps, 0.5)


def value(rate: Any, step: int = 0) -> float:
    return rate if isinstance(rate, float) else float(rate(step))


NUMBERS: list[Callable[[int], Any]] = [
    int,
    float,
    Fraction,
    *(getattr(np, kind) for kind in ("float16", "float32", "float64", "int32", "int64", "uint8")),
]


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)
def test_every_kind_of_number_is_a_float_to_the_optimizer(kind: Callable[[int], Any]) -> None:
    """Keras takes floats only, and would refuse others when all features are computed."""
    rate = Rate.of(kind(2))
    assert type(rate.for_phase(steps=5, start=2)) is float
    assert rate.for_phase(steps=5) == rate.described() == 2.0
    assert (rate.finder, rate.depends_on_length) == (None, False)
    keras.optimizers.SGD(rate.for_phase(steps=5))


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)
def test_every_kind_of_number_is_a_peak(kind: Callable[[int], Any]) -> None:
    for warmup in (0.0, 0.5):
        taken = Rate.of(tlkit.WarmupCosine(peak=kind(2), warmup=warmup)).for_phase(steps=8)
        same = tlkit.WarmupCosine(peak=2.0, warmup=warmup)(8)
        assert [value(taken, step) for step in range(9)] == [value(same, k) for k in range(9)]


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)
def test_stage_shows_every_kind_of_number_as_its_value(kind: Callable[[int], Any]) -> None:
    stage = tlkit.Stage("a", epochs=1, learning_rate=kind(2))
    assert stage.learning_rate == 2
    assert "np." not in repr(stage), "a NumPy scalar prints and is stored as plain Python's"
    with pytest.raises(TrainingError, match=r"Stage 'a': learning_rate=.*above 0"):
        tlkit.Stage("a", epochs=1, learning_rate=kind(0))


@pytest.mark.parametrize(
    ("form", "finder", "long", "said"),
    [
        (0.1, None, False, 0.1),
        (SCHEDULE, None, False, "ExponentialDecay(initial_learning_rate=0.08, "),
        (halving, None, True, "tests.learning_rate.test_rate.halving (code "),
        (partial(CosineDecay, 0.1), None, True, "keras.src.optimizers.schedules."),
        (tlkit.WarmupCosine(peak=0.1), None, True, "WarmupCosine(peak=0.1, "),
        (tlkit.Staircase((0.1,)), None, True, "Staircase(rates=(0.1,), "),
        (tlkit.OneCycle(FINDER), FINDER, True, "OneCycle(peak=ExponentialLRFinder("),
        (FINDER, FINDER, False, "ExponentialLRFinder(min_lr=0.0001, "),
        (SEARCHED, FINDER, True, "WarmupCosine(peak=ExponentialLRFinder("),
    ],
)
def test_each_form_says_what_it_needs(form: Any, finder: Any, long: bool, said: Any) -> None:
    rate = Rate.of(form)
    assert rate.finder == finder
    assert rate.depends_on_length is long
    described = rate.described()
    assert described == said if isinstance(said, float) else str(described).startswith(said)
    assert tlkit.Stage("a", epochs=2, learning_rate=form).finder == finder


@pytest.mark.parametrize("form", [SCHEDULE, halving, partial(CosineDecay, 0.1)])
@pytest.mark.parametrize("start", [0, 4])
def test_schedule_of_a_phase_goes_on_where_the_one_before_ended(form: Any, start: int) -> None:
    whole, phase = (Rate.of(form).for_phase(steps=12, start=first) for first in (0, start))
    for step in range(8):
        assert value(phase, step) == pytest.approx(value(whole, start + step), rel=1e-6)


@given(factor=st.floats(1e-3, 1), step=st.integers(0, 20))
def test_scaled_rate_is_so_much_of_the_rate(factor: float, step: int) -> None:
    for form in (0.1, SCHEDULE):
        taken = Rate.of(form).for_phase(steps=20)
        expected = value(taken, step) * factor
        assert value(scaled(taken, factor), step) == pytest.approx(expected, rel=1e-5)


def test_schedule_of_a_phase_is_saved_with_its_optimizer() -> None:
    taken = scaled(Rate.of(SCHEDULE).for_phase(steps=12, start=4), 0.5)
    optimizer = keras.optimizers.SGD(taken)
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    optimizer.iterations.assign(3)
    again.iterations.assign(3)
    assert float(again.learning_rate) == float(optimizer.learning_rate) == value(taken, 3)


def test_what_was_found_stands_in_the_place_of_the_finder() -> None:
    assert Rate.of(FINDER).with_found(0.01).for_phase(steps=3) == 0.01
    found = Rate.of(SEARCHED).with_found(0.01)
    assert found.given == tlkit.WarmupCosine(peak=0.01)
    assert found.finder is None


@pytest.mark.parametrize("form", [FINDER, SEARCHED])
def test_rate_that_is_still_to_be_searched_for_is_given_to_no_optimizer(form: Any) -> None:
    with pytest.raises(TrainingError, match=r"is still to be searched for: call finder\.find"):
        Rate.of(form).for_phase(steps=3)


@pytest.mark.parametrize(
    "nothing",
    [
        *(None, True, np.True_, "fast", [0.1], (0.1,), {"rate": 0.1}, 0.1j, np.array([0.1])),
        *(object(), tlkit.WarmupCosine, tlkit.OneCycle, tlkit.Staircase),
        *(tlkit.ExponentialLRFinder, CosineDecay),
        *(lambda: 0.1, lambda one, two: 0.1),  # noqa: ARG005
    ],
)
def test_what_is_no_rate_is_refused_before_any_work(nothing: Any) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'a': learning_rate=.*, expected a number, a K"):
        tlkit.Stage("a", epochs=1, learning_rate=nothing)


@pytest.mark.parametrize("number", [0, -1.0, math.nan, math.inf, np.float32("nan"), np.int64(-3)])
def test_numbers_that_are_no_rate_are_refused(number: Any) -> None:
    with pytest.raises(TrainingError, match=r"learning_rate=.*, expected a finite number above 0"):
        Rate.of(number)


@pytest.mark.parametrize("made", [None, "fast", lambda: 0.1, FINDER, tlkit.WarmupCosine(peak=1)])
def test_function_that_makes_no_schedule_is_named(made: Any) -> None:
    def own(steps: int) -> Any:  # noqa: ARG001
        return made

    with pytest.raises(TrainingError, match=r"own.* made .* of 7 steps, expected a Keras Learning"):
        Rate.of(own).for_phase(steps=7)
