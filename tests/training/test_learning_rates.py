"""The learning rate of a stage: a number, a schedule, or a search."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import AtStart, head_stage, same_weights, trainer
from tlkit.errors import LearningRateError, TrainingError

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]


def rates_seen(stage: dict[str, Any], data: tlkit.ImageDataset) -> list[float]:
    """The optimizer's rate at the start of each of three epochs of 48 / 16 steps."""
    seen: list[float] = []
    look = tuple(
        AtStart(epoch, lambda model: seen.append(float(model.optimizer.learning_rate)))
        for epoch in range(3)
    )
    trainer(head_stage(epochs=3, callbacks=look, **stage)).fit(data, verbose=0)
    return seen


def test_number_is_used_as_it_is(data: tlkit.ImageDataset) -> None:
    assert rates_seen({"learning_rate": 0.02}, data) == pytest.approx([0.02] * 3)


def test_schedule_counts_the_steps_of_the_stage(data: tlkit.ImageDataset) -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.08, 3, 0.5)
    assert rates_seen({"learning_rate": schedule}, data) == pytest.approx([0.08, 0.04, 0.02])


def test_schedule_is_named_in_the_result_without_an_address(data: tlkit.ImageDataset) -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.08, 3, 0.5)
    result = trainer(head_stage(learning_rate=schedule, epochs=1)).fit(data, verbose=0).stages[0]
    assert str(result.learning_rate).startswith("ExponentialDecay(initial_learning_rate=0.08, ")
    assert " at 0x" not in str(result)


@pytest.mark.slow
def test_optimizer_is_made_by_name_or_by_function(data: tlkit.ImageDataset) -> None:
    made: list[Any] = []
    for optimizer in ("sgd", partial(keras.optimizers.SGD, momentum=0.9), keras.optimizers.Adam):
        look = AtStart(0, lambda model: made.append(model.optimizer))
        stage = head_stage(optimizer=optimizer, epochs=1, callbacks=(look,))
        trainer(stage).fit(data, verbose=0)
    assert [(type(x).__name__, getattr(x, "momentum", None)) for x in made] == [
        ("SGD", 0.0),
        ("SGD", 0.9),
        ("Adam", None),
    ]


@pytest.mark.parametrize("unit", ["batch", *thorough("epoch")])
def test_search_comes_first_and_leaves_no_trace(unit: str, parts: Data) -> None:
    finder = tlkit.ExponentialLRFinder(
        1e-4,
        1e-1,
        steps=4,
        unit=unit,  # type: ignore[arg-type]
        selector=lambda curve: float(curve.learning_rates[1]),
    )
    searched = trainer(head_stage(learning_rate=finder)).fit(*parts, verbose=0)
    assert searched.stages[0].learning_rate == pytest.approx(1e-3)
    assert searched.curves["head"].suggestion == searched.stages[0].learning_rate
    assert searched.stages[0].timings["search"] > 0
    plain = trainer(head_stage(learning_rate=searched.stages[0].learning_rate))
    assert same_weights(searched.model, plain.fit(*parts, verbose=0).model)


@pytest.mark.slow
def test_search_alone_gives_the_curve_of_the_first_stage(parts: Data) -> None:
    finder = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=4, unit="batch", selector=lambda _: 1e-3)
    curve = trainer(head_stage()).find_learning_rate(parts[0], finder, verbose=0)
    staged = trainer(head_stage(learning_rate=finder, epochs=1)).fit(*parts, verbose=0)
    assert curve.losses.tolist() == staged.curves["head"].losses.tolist()
    assert curve.suggestion == 1e-3


def test_search_without_an_honest_answer_is_an_error(parts: Data) -> None:
    finder = tlkit.ExponentialLRFinder(1e-9, 1e-8, steps=4, unit="batch")
    with pytest.raises(LearningRateError):
        trainer(head_stage(learning_rate=finder)).fit(*parts, verbose=0)


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf"), None, "fast", True])
def test_rates_that_make_no_sense_are_refused_at_once(rate: Any) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': learning_rate=.*expected a"):
        head_stage(learning_rate=rate)


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [False, True])
def test_each_rate_of_a_stage_makes_an_update_however_many_steps_it_takes(
    fresh: bool, parts: Data
) -> None:
    # Three steps an epoch: seven of them are accumulated in three epochs.
    slow = partial(keras.optimizers.SGD, gradient_accumulation_steps=7)
    finder = tlkit.ExponentialLRFinder(1e-3, 0.1, steps=4, fresh_start=fresh)
    curve = trainer(head_stage(optimizer=slow)).find_learning_rate(parts[0], finder, verbose=0)
    assert len(curve) == 4
    assert curve.stop_reason is None
    assert len(set(curve.losses.tolist())) == 4
