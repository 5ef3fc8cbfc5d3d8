"""Frozen means inference: nothing frozen moves, and no frozen dropout acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.training.conftest import (
    SIZE,
    AtEpoch,
    AtStart,
    assembled,
    head_stage,
    layer_weights,
    nested_network,
    small_network,
    top_stage,
    trainer,
    weights_of,
)
from tlkit.errors import FrozenChangedError
from tlkit.freezing.head import Head
from tlkit.freezing.phase import prepare
from tlkit.testing import tiny_backbone, tiny_model

BATCH_NORMS = ("stem_bn", "down_bn", "block_bn", "top_bn")


def only(*names: str) -> Any:
    """A policy that trains the named layers."""

    def policy(layers: Sequence[Any], epoch: int) -> Sequence[Any]:  # noqa: ARG001
        return [layer for layer in layers if layer.name in names]

    return policy


def test_batch_norm_statistics_stay_bit_for_bit(data: tlkit.ImageDataset) -> None:
    start = weights_of(assembled(tiny_backbone(), Head(), None).model)
    stage = head_stage(name="all", policy=tlkit.UnfreezeAll(), augmentation=tlkit.Augmentation())
    model = trainer(stage).fit(data, verbose=0).model
    end = weights_of(model)
    moved = {path.split("/")[0] for path in start if not np.array_equal(start[path], end[path])}
    assert moved == {"stem_conv", "down_conv", "block_conv", "top_conv", "probabilities"}


@pytest.mark.slow
def test_batch_norm_in_reach_trains_where_asked(data: tlkit.ImageDataset) -> None:
    start = assembled(tiny_backbone(), Head(), None).model
    stage = head_stage(policy=tlkit.BatchNormOnly())
    end = trainer(stage).fit(data, verbose=0).model
    for name in BATCH_NORMS:
        pairs = zip(layer_weights(start, name), layer_weights(end, name), strict=True)
        assert all(not np.array_equal(a, b) for a, b in pairs), name
    for name in ("stem_conv", "down_conv", "block_conv", "top_conv"):
        assert np.array_equal(layer_weights(start, name)[0], layer_weights(end, name)[0]), name


def test_trainable_variables_are_what_the_policy_says(data: tlkit.ImageDataset) -> None:
    seen: list[list[str]] = []
    look = AtStart(0, lambda model: seen.append([v.path for v in model.trainable_variables]))
    result = trainer(top_stage(epochs=1, callbacks=(look,))).fit(data, verbose=0)
    assert seen == [["top_conv/kernel", "probabilities/kernel", "probabilities/bias"]]
    assert result.stages[0].trained_layers == ("top_conv", "probabilities")
    assert result.stages[0].trained_parameters == 8 * 12 * 9 + 12 * 3 + 3
    assert result.stages[0].cut == "block_add"


def noise_of(
    network: Callable[[], Any], policy: Any, data: tlkit.ImageDataset
) -> tuple[float, Any]:
    """How far dropout moves the weights that a stage ends with, with a head without dropout."""

    def built(quiet: bool) -> Any:
        keras.utils.set_random_seed(0)
        model = network()
        if quiet:
            # Also those inside other layers, which Keras lists in no public way.
            for layer in model._flatten_layers():
                if hasattr(layer, "rate"):
                    layer.rate = 0.0
        return model

    stage = head_stage(policy=policy, epochs=1)
    results = [
        trainer(stage, backbone=lambda quiet=quiet: built(quiet), head=Head(dropout=0.0)).fit(
            data, verbose=0
        )
        for quiet in (False, True)
    ]
    pairs = zip(*(result.model.get_weights() for result in results), strict=True)
    return max(float(np.abs(one - other).max()) for one, other in pairs), results[0]


def test_dropout_that_is_frozen_does_not_act(data: tlkit.ImageDataset) -> None:
    noise, result = noise_of(tiny_model, only("block_conv"), data)
    assert result.stages[0].cut == "down_relu"
    assert noise == 0
    assert isinstance(result.model.get_layer("block_drop"), keras.layers.SpatialDropout2D)


@pytest.mark.slow
def test_dropout_that_is_unfrozen_acts(data: tlkit.ImageDataset) -> None:
    noise, _ = noise_of(tiny_model, only("block_conv", "block_drop"), data)
    assert noise > 0


def noisy_nested_network() -> Any:
    """A network with dropout, used as one layer of another."""
    image = keras.Input((16, 16, 3))
    return keras.Model(image, small_network(dropout=0.5)(image), name="outer")


@pytest.mark.slow
def test_dropout_that_is_frozen_inside_a_nested_model_does_not_act(
    data: tlkit.ImageDataset,
) -> None:
    noise, result = noise_of(noisy_nested_network, only("one_conv"), data)
    assert result.stages[0].cut is None
    assert noise == 0
    noise, result = noise_of(noisy_nested_network, only("two_conv"), data)
    assert result.stages[0].cut == "one_relu"
    assert noise == 0
    noise, _ = noise_of(noisy_nested_network, only("two_conv", "two_drop"), data)
    assert noise > 0


def test_nested_model_gets_a_trunk_and_stays_what_the_user_built(
    data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    start = weights_of(assembled(noisy_nested_network, Head(), None).model)
    stages = (head_stage(), head_stage(name="top", policy=only("three_conv")))
    result = trainer(*stages, backbone=noisy_nested_network).fit(data, verbose=0)
    end = weights_of(result.model)
    moved = {path.split("/")[-2] for path in start if not np.array_equal(start[path], end[path])}
    assert moved == {"three_conv", "probabilities"}
    assert [stage.cut for stage in result.stages] == ["head_pool", "join"]
    assert not any("no trunk" in note for stage in result.stages for note in stage.notes)
    result.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [layer.name for layer in loaded.layers][1:] == [
        "small",
        "head_pool",
        "head_dropout",
        "probabilities",
    ]
    images = data.load(range(4), SIZE)
    assert np.array_equal(loaded.predict_on_batch(images), result.model.predict_on_batch(images))


def test_nested_model_with_a_call_of_its_own_is_trained_without_a_trunk_and_says_why(
    data: tlkit.ImageDataset,
) -> None:
    def doubling() -> Any:
        class Doubling(keras.Model):  # type: ignore[misc]
            def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
                return 2 * super().call(x, training=training, mask=mask)

        image, small = keras.Input((SIZE, SIZE, 3)), small_network()
        return keras.Model(image, Doubling(small.input, small.output, name="own")(image))

    start = weights_of(assembled(doubling, Head(), None).model)
    result = trainer(head_stage(policy=only("three_conv")), backbone=doubling).fit(data, verbose=0)
    end = weights_of(result.model)
    moved = {path.split("/")[-2] for path in start if not np.array_equal(start[path], end[path])}
    assert moved == {"three_conv", "probabilities"}
    assert result.stages[0].cut is None
    assert any("holds the model 'own' as a layer" in note for note in result.stages[0].notes)


@pytest.mark.parametrize("backbone", [small_network, nested_network])
def test_layers_do_not_gather_calls_from_phase_to_phase(backbone: Any) -> None:
    parts = assembled(backbone, Head(), None)

    def calls() -> int:
        # Keras tells a layer's calls in no public way, and they are what would fill the memory.
        return sum(len(layer._inbound_nodes) for layer in parts.layers)

    def all_phases() -> None:
        for epoch in range(4):
            policy = tlkit.GradualUnfreeze(groups=3)
            prepare(parts, policy(parts.backbone, epoch), policy)

    all_phases()
    after_one = calls()
    all_phases()
    assert calls() == after_one


def attentive_network() -> Any:
    """A network with dropout inside a layer that has weights."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 4, 4, name="first")(image)
    x = keras.layers.Reshape((16, 4))(x)
    x = keras.layers.MultiHeadAttention(2, 4, dropout=0.5, name="attention")(x, x)
    return keras.Model(image, keras.layers.Reshape((4, 4, 4))(x), name="attentive")


@pytest.mark.slow
def test_dropout_inside_a_frozen_layer_does_not_act(data: tlkit.ImageDataset) -> None:
    noise, result = noise_of(attentive_network, only("first"), data)
    assert noise == 0
    assert result.stages[0].trained_layers == ("first", "probabilities")
    noise, _ = noise_of(attentive_network, only("first", "attention"), data)
    assert noise > 0


def test_callback_that_changes_a_frozen_layer_is_found_out(data: tlkit.ImageDataset) -> None:
    def meddle(tail: Any) -> None:
        mean = tail.get_layer("top_bn").moving_mean
        mean.assign(mean + 1e-6)

    stage = top_stage(callbacks=(AtEpoch(0, meddle),))
    with pytest.raises(FrozenChangedError, match=r"1 frozen layers changed.*'top_bn'.*callback"):
        trainer(stage).fit(data, verbose=0)


@keras.saving.register_keras_serializable("tests")
class Block(keras.layers.Layer):  # type: ignore[misc]
    """Layers inside a layer, as some models of other libraries have them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.parts = [
            keras.layers.Conv2D(4, 3, use_bias=False, name="conv"),
            keras.layers.BatchNormalization(name="norm"),
        ]

    def build(self, shape: Any) -> None:
        for part in self.parts:
            part.build(shape)
            shape = part.compute_output_shape(shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        conv, norm = self.parts
        return norm(conv(x), training=training)


def blocks() -> Any:
    """A backbone of one plain layer and one that is made of others."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, name="plain")(image)
    return keras.Model(image, Block(name="block")(x), name="blocks")


@pytest.mark.parametrize("mode", ["frozen", "train"])
def test_batch_norm_inside_another_layer_does_what_the_policy_says(
    data: tlkit.ImageDataset, mode: str
) -> None:
    policy = tlkit.UnfreezeTop(layers=1, batch_norm=mode)
    start = weights_of(assembled(blocks, Head(), None).model)
    result = trainer(head_stage(policy=policy), backbone=blocks).fit(data, verbose=0)
    end = weights_of(result.model)
    moved = {path for path in start if not np.array_equal(start[path], end[path])}
    norms = {path for path in start if "norm" in path}
    assert len(norms) == 4
    assert moved >= {path for path in start if "block" in path} - norms
    assert not any("plain" in path for path in moved)
    assert moved & norms == (norms if mode == "train" else set())
    trained = 4 * 4 * 9 + (8 if mode == "train" else 0)
    assert result.stages[0].trained_parameters == trained + 4 * 3 + 3


def test_preview_counts_batch_norm_inside_another_layer() -> None:
    assert tlkit.UnfreezeAll().preview(blocks).phases[0].batch_norm == (0, 1)
    assert tlkit.UnfreezeAll(batch_norm="train").preview(blocks).phases[0].batch_norm == (1, 1)


def test_a_change_of_batch_norm_inside_another_layer_is_named(data: tlkit.ImageDataset) -> None:
    def spoil(model: Any) -> None:
        norm = model.get_layer("block").parts[1]
        norm.moving_mean.assign(norm.moving_mean + 1)

    stage = head_stage(policy=tlkit.UnfreezeAll(), callbacks=(AtStart(0, spoil),))
    with pytest.raises(FrozenChangedError, match=r"block/norm"):
        trainer(stage, backbone=blocks).fit(data, verbose=0)
