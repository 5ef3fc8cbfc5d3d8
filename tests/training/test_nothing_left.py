"""What a training held in memory is free when it is over."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

import keras
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import head_stage, top_stage, trainer
from tests.training.test_resume import Data

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="it is TensorFlow that keeps graphs"
)


def graphs() -> int:
    """How many graphs of functions of TensorFlow there are."""
    gc.collect()
    return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())


def crossed(data: tlkit.ImageDataset, stage: tlkit.Stage) -> None:
    """A cross-validation, whose heads train at once."""
    tlkit.cross_validate(trainer(stage), data, folds=2, verbose=0)


@pytest.mark.parametrize(
    "stage",
    [
        top_stage(epochs=1),
        *thorough(
            head_stage(epochs=1),
            top_stage(epochs=1, layer_decay=0.9),
            top_stage(epochs=1, ema=0.9),
            top_stage(epochs=1, l2_sp=1.0),
            head_stage(epochs=1, policy=tlkit.LoRA(rank=2)),
            top_stage(epochs=1, optimizer=partial(keras.optimizers.SGD, momentum=0.9)),
            head_stage(epochs=30, learning_rate=0.001),  # which compiles its updates
        ),
    ],
)
def test_no_graph_of_a_training_is_left(stage: tlkit.Stage, parts: Data) -> None:
    wide = tlkit.Head(units=(256,))
    trainer(stage, head=wide).fit(*parts, verbose=0)  # what is made once for all
    before = graphs()
    for seed in range(2):
        trainer(stage, head=wide, seed=seed).fit(*parts, verbose=0)
    assert graphs() <= before


@pytest.mark.slow
def test_no_graph_of_stacked_heads_is_left(data: tlkit.ImageDataset) -> None:
    stage: Any = head_stage(epochs=1)
    crossed(data, stage)
    before = graphs()
    crossed(data, stage)
    assert graphs() <= before
