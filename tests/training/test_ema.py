"""Averaged weights: what the optimizer averages is what is judged, kept, saved and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import (
    AtEpoch,
    head_stage,
    largest_difference,
    same_weights,
    small_network,
    trainer,
)
from tests.training.plain import arrays, plain_model
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit.data.batches import epoch_order
from tlkit.errors import TrainingError
from tlkit.freezing.whole_model import seed_noise
from tlkit.training.loop._averaging import average_at_once

TOP = ("three_conv", "three_relu")


def stage(**settings: Any) -> tlkit.Stage:
    """A stage that trains the last convolution and the head, and averages."""
    policy = tlkit.UnfreezeTop(from_layer="three_conv")
    given = {"policy": policy, "keep_best": None, "ema": 0.8, "epochs": 3, **settings}
    return head_stage(**given)


def fit_averaged(data: tlkit.ImageDataset, epochs: int) -> Any:
    """The small network after one plain ``fit`` with ``use_ema``, which ends with the averages."""
    model = plain_model(TOP)
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    seed_noise(model.layers, 0, "head")
    images, labels = arrays(data)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for epoch in range(epochs):
            order = epoch_order(len(data), seed=0, stage="head", epoch=epoch)
            for start in range(0, len(data), 16):
                rows = order[start : start + 16]
                yield images[rows], labels[rows]

    steps = -(-len(data) // 16)
    model.fit(batches(), steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=0)
    return model


@pytest.fixture(scope="module")
def averaged(parts: Data) -> list[Any]:
    """Plainly trained networks after one, two and three epochs."""
    return [fit_averaged(parts[0], epochs) for epochs in (1, 2, 3)]


def test_stage_ends_with_the_averages_of_keras(parts: Data, averaged: list[Any]) -> None:
    result = trainer(stage(), backbone=small_network).fit(*parts, verbose=0)
    assert largest_difference(averaged[2], result.model) <= 2e-5
    raw = trainer(stage(ema=None), backbone=small_network).fit(*parts, verbose=0)
    assert largest_difference(raw.model, result.model) > 1e-3, "nothing was averaged"
    assert raw.history["head"]["loss"] == result.history["head"]["loss"]


@pytest.mark.slow
def test_validation_and_callbacks_see_the_averages(parts: Data, averaged: list[Any]) -> None:
    seen: list[float] = []
    images, labels = arrays(parts[1])

    def kernel(model: Any) -> np.ndarray:
        return np.array(np.asarray(model.get_layer("probabilities").kernel))

    def look(model: Any) -> None:
        seen.append(float(np.abs(kernel(model) - kernel(averaged[1])).max()))

    one = stage(callbacks=(AtEpoch(1, look),))
    result = trainer(one, backbone=small_network).fit(*parts, verbose=0)
    assert seen[0] <= 2e-5
    for epoch, model in enumerate(averaged):
        loss, accuracy = model.evaluate(images, labels, verbose=0)
        assert result.history["head"]["val_loss"][epoch] == pytest.approx(loss, rel=1e-4)
        assert result.history["head"]["val_accuracy"][epoch] == pytest.approx(accuracy)


@pytest.mark.slow
def test_best_epoch_is_kept_with_its_averages(parts: Data, averaged: list[Any]) -> None:
    def wreck(model: Any) -> None:
        kernel = model.get_layer("probabilities").kernel
        kernel.assign(100 * np.random.default_rng(0).normal(size=kernel.shape))

    # What a callback does to the averages in the last epoch is judged, and not kept.
    one = stage(keep_best="loss", callbacks=(AtEpoch(2, wreck),))
    result = trainer(one, backbone=small_network).fit(*parts, verbose=0)
    best = result.stages[0].best_epoch
    assert best == int(np.argmin(result.history["head"]["loss"]))
    if best < 2:
        assert largest_difference(averaged[best], result.model) <= 2e-5


@pytest.mark.slow
def test_resumed_run_ends_with_the_same_averages(parts: Data, tmp_path: Any) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        policy = tlkit.GradualUnfreeze(groups=2, every=2)
        one = stage(policy=policy, layer_decay=0.5, callbacks=(Interrupt("head"),))
        return trainer(one, backbone=small_network, run_dir=tmp_path / folder)

    plain = make("plain").fit(*parts, verbose=0)
    places = [("head", "epoch end", 1), ("head", "train end", 1), ("head", "train end", 2)]
    resumed = run_with_interruptions(partial(make, "split"), parts, places)
    assert same_weights(plain.model, resumed.model)
    assert plain.history == resumed.history


@pytest.mark.slow
def test_optimizer_that_averages_by_itself_is_treated_alike(parts: Data) -> None:
    optimizer = partial(keras.optimizers.Adam, use_ema=True, ema_momentum=0.8)
    one, other = (
        trainer(made).fit(*parts, verbose=0)
        for made in (head_stage(optimizer=optimizer), head_stage(ema=0.8))
    )
    assert same_weights(one.model, other.model)
    assert one.history == other.history


@pytest.mark.parametrize("given", [0, 1, -0.5, float("nan"), "0.99", True])
def test_momentum_that_makes_no_sense_is_refused_at_once(given: Any) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': ema=.*a number between 0 and 1"):
        head_stage(ema=given)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="others compile a step")
def test_averages_of_all_weights_at_once_are_those_of_keras() -> None:
    def trained(at_once: bool) -> list[np.ndarray]:
        layers = [keras.layers.Dense(9, "relu", kernel_initializer=keras.initializers.HeNormal(4))]
        model = keras.Sequential([keras.Input((5,)), *layers, keras.layers.BatchNormalization()])
        optimizer = keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.97)
        if at_once:
            average_at_once(optimizer)
        model.compile(optimizer, "mse")
        x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
        y = np.repeat(x[:, :1], 9, axis=1)
        model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0)
        return [np.asarray(variable) for variable in (*model.weights, *optimizer.variables)]

    for one, other in zip(trained(at_once=False), trained(at_once=True), strict=True):
        np.testing.assert_array_equal(one, other)
