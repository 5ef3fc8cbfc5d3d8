"""Settings as text that is the same in every process."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import pytest

import tlkit
from tlkit.training.described import described


def own_policy(layers: Any, epoch: int) -> Any:  # noqa: ARG001
    """Nothing."""
    return ()


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (None, "None"),
        (0.1, "0.1"),
        ("adam", "'adam'"),
        ((), "()"),
        ((1024,), "(1024,)"),
        ((1024, 512), "(1024, 512)"),
        ([1, (2,)], "[1, (2,)]"),
        ({"b": 1, "a": (2,)}, "{a: (2,), b: 1}"),
        (tlkit.Head(units=(8,)), "Head(units=(8,), dropout=0.2, activation='relu')"),
        (own_policy, f"{own_policy.__module__}.own_policy"),
        (partial(own_policy, epoch=2), f"{own_policy.__module__}.own_policy(epoch=2)"),
        (partial(own_policy, ()), f"{own_policy.__module__}.own_policy(())"),
        (
            keras.optimizers.schedules.InverseTimeDecay(0.1, 5, 0.5),
            "InverseTimeDecay(initial_learning_rate=0.1, decay_steps=5, decay_rate=0.5, "
            "staircase=False, name='InverseTimeDecay')",
        ),
    ],
)
def test_setting_reads_as_the_code_that_makes_it(setting: Any, text: str) -> None:
    assert described(setting) == text


def test_callback_is_told_by_its_settings() -> None:
    def patient(patience: int) -> str:
        return described(keras.callbacks.EarlyStopping("loss", patience=patience))

    assert patient(3) == patient(3)
    assert patient(3) != patient(4)
    assert "patience=3" in patient(3)
    assert "0x" not in patient(3)


def test_functions_inside_a_callback_are_told_by_name() -> None:
    schedule = keras.callbacks.LearningRateScheduler(own_policy)
    assert "own_policy" in described(schedule)
    assert " at 0x" not in described(schedule)


def test_stage_with_a_search_names_its_selector() -> None:
    finder = tlkit.ExponentialLRFinder(steps=5, selector=tlkit.Steepest())
    text = described(tlkit.Stage("a", epochs=1, learning_rate=finder))
    assert "learning_rate=ExponentialLRFinder(min_lr=1e-05, " in text
    assert "selector=Steepest(" in text
