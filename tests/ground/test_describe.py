"""Settings as text that is the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import Any

import keras
import pytest

import tlkit
from tlkit._keras.describe import described


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
        (
            tlkit.Head(units=(8,)),
            "Head(units=(8,), dropout=0.2, activation='relu', output='auto', cuts='last')",
        ),
        (keras.optimizers.SGD, f"{keras.optimizers.SGD.__module__}.SGD"),
        (partial(keras.layers.MixUp, alpha=2), f"{keras.layers.MixUp.__module__}.MixUp(alpha=2)"),
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


def top(number: int) -> Any:
    """Return a policy that trains the last layers."""

    def policy(layers: Any, epoch: int) -> Any:  # noqa: ARG001
        return layers[-number:]

    return policy


def named(names: Any) -> Any:
    """Return a policy that trains layers by name."""
    return lambda layers, epoch: [x for x in layers if x.name in names]  # noqa: ARG005


def test_functions_are_told_by_what_they_do() -> None:
    name = f"{__name__}.test_functions_are_told_by_what_they_do.<locals>.<lambda>"
    last, last_two = lambda layers, epoch: layers[-1:], lambda layers, epoch: layers[-2:]  # noqa: ARG005
    again = lambda layers, epoch: layers[-1:]  # noqa: ARG005, E731
    assert described(last).startswith(f"{name} (code ")
    assert described(last) == described(again)
    assert described(last) != described(last_two)


def test_functions_of_one_factory_are_told_by_what_they_were_made_with() -> None:
    assert described(top(1)) == described(top(1))
    assert described(top(1)) != described(top(2))
    assert described(named({"a": 1})) != described(named({"a": 2}))
    assert described(named(["a"])) != described(named(["b"]))
    assert described(partial(own_policy, epoch=2)).endswith("(epoch=2)")


def test_what_a_function_collects_is_no_setting() -> None:
    seen: list[int] = []
    counts = {"calls": 0}

    def count(layers: Any, epoch: int) -> Any:  # noqa: ARG001
        counts["calls"] += 1
        return ()

    before = described(lambda epoch, logs: seen.append(epoch)), described(count)  # noqa: ARG005
    seen.append(1)
    count((), 0)
    assert (described(lambda epoch, logs: seen.append(epoch)), described(count)) == before  # noqa: ARG005


def test_code_is_told_the_same_in_every_process() -> None:
    program = (
        "from tlkit._keras.describe import described\n"
        "names = lambda layers, epoch: [x for x in layers if x.name in {'a', 'b', 'c', 'd'}]\n"
        "print(described(names))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1


def test_a_function_that_calls_itself_is_told() -> None:
    def countdown(number: int) -> int:
        return number and countdown(number - 1)

    assert "countdown (code " in described(countdown)
