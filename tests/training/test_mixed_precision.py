"""Keras's mixed precision: a policy that is set before training holds in trunk and tail."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import (
    AtEpoch,
    head_stage,
    same_weights,
    small_network,
    trainer,
)
from tests.training.test_resume import Data, Interrupt, run_with_interruptions


@pytest.fixture(params=["mixed_float16", *thorough("mixed_bfloat16")])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """A policy of mixed precision, for one test."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.slow
def test_mixed_precision_trains_resumes_and_saves(
    precision: str, parts: Data, tmp_path: Path
) -> None:
    def look(model: Any) -> None:
        scaled = getattr(model.optimizer, "dynamic_scale", None) is not None
        assert scaled == (precision == "mixed_float16"), "float16 scales its loss"
        assert model.get_layer("three_conv").compute_dtype == precision.removeprefix("mixed_")

    def make(folder: str) -> tlkit.StagedTrainer:
        stage = head_stage(
            epochs=3,
            policy=tlkit.UnfreezeTop(from_layer="three_conv"),
            layer_decay=0.5,
            ema=0.9,
            callbacks=(AtEpoch(0, look), Interrupt("head")),
        )
        return trainer(stage, backbone=small_network, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    assert plain.stages[0].cut is not None
    assert np.isfinite(plain.history["head"]["loss"]).all()
    assert all(weight.dtype == "float32" for weight in plain.model.trainable_weights)
    places = [("head", "epoch end", 1), ("head", "batch end", 2)]
    resumed = run_with_interruptions(partial(make, "split"), parts, places)
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history
    images = parts[1].load([0, 1], 16).astype("float32")
    saved = keras.saving.load_model(tmp_path / "plain/model.keras")
    predicted = saved.predict(images, verbose=0)
    assert predicted.dtype == np.float32
    assert np.array_equal(predicted, plain.model.predict(images, verbose=0))


def test_search_finds_a_rate_in_mixed_precision(precision: str, parts: Data) -> None:
    finder = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=4, unit="batch", selector=lambda _: 1e-3)
    stage = head_stage(learning_rate=finder, layer_decay=0.5, epochs=1)
    assert precision
    result = trainer(stage).fit(*parts, verbose=0)
    assert result.stages[0].learning_rate == 1e-3
    assert np.isfinite(result.curves["head"].losses).all()
