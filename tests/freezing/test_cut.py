"""Cutting a model: the tail of the trunk's output is the model's output."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import tlkit
from tlkit._keras.graph import cut_points, split
from tlkit.errors import CutError
from tlkit.testing import tiny_model

RNG = np.random.default_rng(0)


def joined_equals_whole(model: Any, at: str, images: np.ndarray) -> None:
    """Compare the two ways through a model."""
    trunk, tail = split(model, at)
    np.testing.assert_allclose(tail(trunk(images)), model(images), rtol=1e-5, atol=1e-6)


def test_tail_of_trunk_is_the_model_at_every_cut() -> None:
    model = tiny_model()
    images = RNG.uniform(0, 255, (3, 16, 16, 3)).astype("float32")
    names = [point.name for point in cut_points(model)]
    assert names == [
        "preprocess",
        "stem_conv",
        "stem_bn",
        "stem_relu",
        "down_conv",
        "down_bn",
        "down_relu",
        "block_add",
        "top_conv",
        "top_bn",
    ], "within the block two paths lead to the output"
    for name in names:
        joined_equals_whole(model, name, images)


@pytest.mark.parametrize(
    ("name", "size", "count"),
    # ConvNeXt keeps its stem and its downsampling in a keras.Sequential each.
    [("mobilenet_v2", 32, 73), ("vgg16", 32, 19), ("convnext_tiny", 32, 23)],
)
def test_tail_of_trunk_is_the_model_in_real_networks(name: str, size: int, count: int) -> None:
    model = tlkit.build_backbone(name, image_size=size, weights=None)
    points = cut_points(model)
    assert len(points) == count
    images = RNG.uniform(0, 255, (2, size, size, 3)).astype("float32")
    for point in points[:: len(points) // 4]:
        joined_equals_whole(model, point.name, images)


def test_cut_point_knows_how_much_it_carries() -> None:
    points = {point.name: point for point in cut_points(tiny_model())}
    assert points["block_add"].shape == (4, 4, 8)
    assert points["block_add"].floats == 128
    image = keras.Input((None, None, 3), name="free")
    model = keras.Model(image, layers.ReLU()(layers.ReLU()(image)))
    assert [point.floats for point in cut_points(model)] == [None]


def test_trunk_and_tail_hold_the_models_own_layers() -> None:
    model = tiny_model()
    trunk, tail = split(model, "block_add")
    assert trunk.get_layer("stem_conv") is model.get_layer("stem_conv")
    assert tail.get_layer("top_conv") is model.get_layer("top_conv")
    assert {w.path for w in trunk.weights + tail.weights} == {w.path for w in model.weights}
    assert not {w.path for w in trunk.weights} & {w.path for w in tail.weights}


def test_model_can_be_cut_again_after_it_was_cut() -> None:
    model = tiny_model()
    before = [point.name for point in cut_points(model)]
    for name in before[1:4]:
        split(model, name)
    assert [point.name for point in cut_points(model)] == before


def test_jump_from_the_input_to_the_end_leaves_no_cut_between() -> None:
    image = keras.Input((8, 8, 3), name="start")
    x = layers.Conv2D(3, 3, padding="same", name="deep")(image)
    model = keras.Model(image, layers.Add(name="end")([image, x]))
    assert cut_points(model) == ()
    with pytest.raises(CutError, match=r"no cut point 'deep'. Its 0 cut points are none at all"):
        split(model, "deep")


def test_unknown_cut_says_which_there_are() -> None:
    with pytest.raises(
        CutError, match=r"no cut point 'block_conv'. Its 10 cut points run from 'preprocess' to 'to"
    ):
        split(tiny_model(), "block_conv")


def test_nested_model_cannot_be_cut_and_says_what_to_do() -> None:
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, tiny_model()(image), name="outer")
    with pytest.raises(CutError, match=r"'outer' holds the model 'tiny' as a layer.*outer input"):
        cut_points(model)


def test_layer_used_twice_cannot_be_cut() -> None:
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    model = keras.Model(image, shared(shared(image)), name="loop")
    with pytest.raises(CutError, match=r"'loop' uses a layer in more than one place or mode"):
        cut_points(model)


def test_model_of_two_inputs_or_no_graph_cannot_be_cut() -> None:
    one, two = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    both = keras.Model([one, two], layers.Add()([one, two]), name="both")

    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    for model in (both, Own(name="own")):
        with pytest.raises(CutError, match="is not a Functional model with one input and one out"):
            cut_points(model)
