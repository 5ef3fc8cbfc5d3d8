"""Updates of an optimizer that are compiled on TensorFlow: the same weights, sooner."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tests.training.conftest import (
    head_stage,
    largest_difference,
    same_weights,
    small_network,
    trainer,
)
from tests.training.plain import plain_model
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit._keras import compiled_updates
from tlkit._keras.compiled_updates import worth_compiling

KINDS = keras.optimizers
ALL = tlkit.UnfreezeAll()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Compiles updates of tiny networks too; has an entry for each optimizer that was compiled."""
    from tlkit.training.loop import _tail_training

    made: list[int] = []
    compile_updates = compiled_updates.compile_updates

    def counted(optimizer: Any, variables: Any) -> None:
        made.append(len(variables))
        compile_updates(optimizer, variables)

    monkeypatch.setattr(compiled_updates, "_SAVED", 1.0)
    monkeypatch.setattr(_tail_training, "compile_updates", counted)
    return made


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw", "ema": 0.9, "policy": ALL},
        {"optimizer": lambda rate: KINDS.SGD(rate, momentum=0.9, nesterov=True, clipnorm=0.1)},
        {"optimizer": "rmsprop", "learning_rate": tlkit.WarmupCosine(1e-2)},
        {"optimizer": lambda rate: KINDS.Adam(rate, amsgrad=True, global_clipnorm=0.1)},
        {"optimizer": "lion", "policy": ALL},
    ],
)
def test_weights_are_those_of_updates_that_are_not_compiled(
    settings: dict[str, Any],
    data: tlkit.ImageDataset,
    calls: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = head_stage(**{"epochs": 3, "keep_best": None, "learning_rate": 1e-3, **settings})
    compiled = trainer(stage, backbone=small_network).fit(data, verbose=0).model
    assert len(calls) == 1
    monkeypatch.setattr(compiled_updates, "_SAVED", 0.0)
    plain = trainer(stage, backbone=small_network).fit(data, verbose=0).model
    assert len(calls) == 1
    assert largest_difference(compiled, plain) < 2e-6
    assert largest_difference(compiled, plain_model()) > 1e-4


def test_a_run_that_was_interrupted_ends_with_the_same_weights(
    parts: Data, calls: list[int], tmp_path: Path
) -> None:
    more: Any = {"callbacks": (Interrupt("head"),), "learning_rate": tlkit.WarmupCosine(1e-3)}

    def make(folder: str) -> tlkit.StagedTrainer:
        stage = head_stage(epochs=3, optimizer="adamw", policy=ALL, ema=0.9, **more)
        return trainer(stage, backbone=small_network, run_dir=tmp_path / folder)

    whole = make("whole").fit(*parts, verbose=0)
    resumed = run_with_interruptions(partial(make, "split"), parts, [("head", "epoch end", 1)])
    assert same_weights(whole.model, resumed.model)
    assert len(calls) == 3


@pytest.mark.parametrize(
    "settings",
    [
        # Behind a bias its gradient is rounding alone, of which Adam makes whole steps.
        {"policy": tlkit.UnfreezeAll(batch_norm="train")},
        {"optimizer": lambda rate: KINDS.SGD(rate, gradient_accumulation_steps=2)},
        {"layer_decay": 0.9, "policy": ALL},
        {"l2_sp": 1.0, "policy": ALL},
        {"optimizer": lambda rate: type("Mine", (KINDS.SGD,), {})(rate)},
    ],
)
def test_what_could_give_other_weights_is_not_compiled(
    settings: dict[str, Any], data: tlkit.ImageDataset, calls: list[int]
) -> None:
    trainer(head_stage(epochs=1, **settings), backbone=small_network).fit(data, verbose=0)
    assert calls == []


def test_compiling_has_to_pay() -> None:
    weights = [keras.Variable(keras.ops.zeros((1000, 1000)))]
    assert worth_compiling(KINDS.Adam(), weights, 1000)
    assert not worth_compiling(KINDS.Adam(), weights, 100)
    assert not worth_compiling(KINDS.Adam(), [keras.Variable([1.0])], 10_000)
