"""Warm-up and cosine over all steps of a stage, and schedules of the user."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import keras
import pytest
from hypothesis import given, settings, strategies as st

import tlkit
from tests.training.conftest import AtStart, head_stage, same_weights, trainer
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.errors import TrainingError


def rates_of(data: tlkit.ImageDataset, **stage: Any) -> list[float]:
    """The optimizer's rate at the start of each epoch of 48 / 16 steps."""
    seen: list[float] = []

    def look(model: Any) -> None:
        seen.append(float(model.optimizer.learning_rate))

    look_at = tuple(AtStart(epoch, look) for epoch in range(stage["epochs"]))
    trainer(head_stage(callbacks=look_at, **stage)).fit(data, verbose=0)
    return seen


@settings(max_examples=20, deadline=None)
@given(
    steps=st.integers(1, 200),
    warmup=st.floats(0, 0.99),
    end=st.sampled_from([0.0, 0.001, 0.1]),
)
def test_rate_rises_in_a_line_and_falls_as_a_cosine(steps: int, warmup: float, end: float) -> None:
    schedule = tlkit.WarmupCosine(peak=0.1, warmup=warmup, end=end)(steps)
    warm = min(round(warmup * steps), steps - 1)
    for step in {0, warm // 2, warm, (warm + steps) // 2, steps}:
        if step < warm:
            expected = 0.1 * step / warm
        else:
            turn = math.pi * (step - warm) / (steps - warm)
            expected = end + (0.1 - end) * (1 + math.cos(turn)) / 2
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@settings(max_examples=10, deadline=None)
@given(steps=st.integers(2, 200), warmup=st.floats(0.01, 0.99), div=st.floats(1, 100))
def test_one_cycle_has_the_rates_of_fastai(steps: int, warmup: float, div: float) -> None:
    schedule = tlkit.OneCycle(0.1, warmup, div)(steps)
    for step in {0, steps // 3, steps // 2, steps - 1}:
        # fastai's combined_cos, written anew: a place between 0 and 1, and two half cosines.
        place = step / steps
        ends, share = (0.1 / div, 0.1), place / warmup
        if place >= warmup:
            ends, share = (0.1, 0.1 / 1e5), (place - warmup) / (1 - warmup)
        expected = ends[0] + (1 - math.cos(math.pi * share)) * (ends[1] - ends[0]) / 2
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-3, abs=1e-7)


@settings(max_examples=10, deadline=None)
@given(steps=st.integers(1, 200), at=st.sets(st.sampled_from([0.2, 0.3, 0.5, 0.8]), max_size=4))
def test_staircase_has_each_rate_for_its_share_of_the_steps(steps: int, at: set[float]) -> None:
    places = sorted(at)
    rates = tuple(0.1 / 2**n for n in range(len(places) + 1))
    schedule = tlkit.Staircase(rates, tuple(places), warmup=0.1)(steps)
    warm = round(0.1 * steps)
    for step in {0, warm, *(round(place * steps) for place in places), steps - 1}:
        expected = rates[sum(step >= round(place * steps) for place in places)]
        expected *= step / warm if step < warm else 1
        assert float(schedule(step)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: tlkit.OneCycle(0), "peak must be a finite number above 0"),
        *(
            (partial(tlkit.OneCycle, 0.1, warmup), "warmup must be a share of the steps, above 0")
            for warmup in (0, 1, math.nan)
        ),
        *(
            (partial(tlkit.OneCycle, 0.1, **{name: value}), f"{name} must be a finite number")
            for name in ("div", "final_div")
            for value in (0.5, math.nan, math.inf)
        ),
        (lambda: tlkit.OneCycle(tlkit.ExponentialLRFinder())(9), "still to be searched for"),
        (lambda: tlkit.Staircase(0.1), "rates must be a list"),  # type: ignore[arg-type]
        (lambda: tlkit.Staircase((0.1, 0.2)), "one more of rates than of at"),
        (lambda: tlkit.Staircase((0.1, -1), (0.5,)), "rates must be finite numbers above 0"),
        (lambda: tlkit.Staircase((1, 2, 3), (0.5, 0.4)), "at must be rising shares"),
        (lambda: tlkit.Staircase((1, 2), (1,)), "at must be rising shares"),
        (lambda: tlkit.Staircase((1, 2), (0.5,), 0.6), "warmup must be a share from 0 to 0.5"),
    ],
)
def test_schedules_that_make_no_sense_are_refused_at_once(make: Any, told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        make()


def test_trainer_fills_in_the_steps_of_the_stage(data: tlkit.ImageDataset) -> None:
    seen = rates_of(data, epochs=4, learning_rate=tlkit.WarmupCosine(peak=0.1, warmup=0.25))
    # 12 steps of which 3 warm up: the second epoch begins at the peak.
    assert seen == pytest.approx([0, 0.1, 0.1 * (1 + math.cos(math.pi / 3)) / 2, 0.1 / 4])


def test_function_of_the_number_of_steps_makes_the_schedule(data: tlkit.ImageDataset) -> None:
    given: list[int] = []

    def halving(steps: int) -> Any:
        given.append(steps)
        return keras.optimizers.schedules.ExponentialDecay(0.08, 3, 0.5)

    assert rates_of(data, epochs=2, learning_rate=halving) == pytest.approx([0.08, 0.04])
    assert given == [6]


def test_schedule_goes_on_through_the_phases_of_a_stage(data: tlkit.ImageDataset) -> None:
    stage = {"epochs": 3, "learning_rate": tlkit.WarmupCosine(peak=0.01, warmup=0.4)}
    policy = tlkit.GradualUnfreeze(groups=2, every=1)
    in_phases = rates_of(data, policy=policy, **stage)
    assert in_phases == pytest.approx(rates_of(data, **stage))
    assert in_phases[1] == pytest.approx(0.01 * 3 / 4)


@pytest.mark.slow
def test_resumed_run_goes_on_in_the_middle_of_the_schedule(parts: Data, tmp_path: Any) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        stage = head_stage(
            epochs=3,
            learning_rate=tlkit.WarmupCosine(peak=0.05),
            policy=tlkit.GradualUnfreeze(groups=2, every=2),
            callbacks=(Interrupt("head"),),
        )
        return trainer(stage, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    places = [("head", "epoch end", 1), ("head", "batch end", 2)]
    resumed = run_with_interruptions(partial(make, "split"), parts, places)
    assert same_weights(plain.model, resumed.model)
    assert resumed.stages[0].learning_rate == "WarmupCosine(peak=0.05, warmup=0.1, end=0.0)"


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ({"peak": 0}, "peak must be a finite number above 0"),
        ({"peak": math.inf}, "peak must be a finite number above 0"),
        ({"peak": math.nan}, "peak must be a finite number above 0"),
        ({"peak": 0.1, "warmup": 1.0}, "warmup must be a share"),
        ({"peak": 0.1, "warmup": -0.1}, "warmup must be a share"),
        ({"peak": 0.1, "end": 0.2}, "end must be a rate from 0 to peak"),
        ({"peak": 0.1, "end": -0.1}, "end must be a rate from 0 to peak"),
    ],
)
def test_schedule_that_makes_no_sense_is_refused(made: dict[str, float], named: str) -> None:
    with pytest.raises(TrainingError, match=rf"WarmupCosine\(.*{named}"):
        tlkit.WarmupCosine(**made)
