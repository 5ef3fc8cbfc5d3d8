"""Cutting a model: the tail of the trunk's output is the model's output."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import tlkit
from tests.conftest import thorough
from tlkit._keras.graph import Graph, cut_points, split
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "count"),
    # ConvNeXt keeps its stem and its downsampling in a keras.Sequential each, which is laid open.
    [("mobilenet_v2", 32, 73), *thorough(("vgg16", 32, 19), ("convnext_tiny", 32, 27))],
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


def as_one_layer(**call: Any) -> Any:
    """The tiny model as one layer of another, as Keras's guide to transfer learning has it."""
    image = keras.Input((16, 16, 3), name="photo")
    return keras.Model(image, tiny_model()(layers.RandomFlip(name="flip")(image), **call))


def two_levels_deep() -> Any:
    """The same as one layer of a third, with functions of keras.ops and a list of inputs."""
    image = keras.Input((16, 16, 3), name="outermost")
    middle = as_one_layer()
    middle = keras.Model([middle.input], [middle.output])
    return keras.Model(image, layers.ReLU(name="end")(middle([image * 1.0 - 0.0])))


def in_a_sequential() -> Any:
    """The same behind a layer, in a row of layers."""
    return keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Rescaling(1.0, name="s"), tiny_model()]
    )


def layers_called_again() -> Any:
    """The layers of one model called one by one in another, behind another layer."""
    old = tiny_model()
    image = keras.Input((16, 16, 3))
    x = layers.RandomFlip(name="flip")(image)
    for name in ("preprocess", "stem_conv", "stem_bn", "stem_relu", "down_conv"):
        x = old.get_layer(name)(x)
    return keras.Model(image, layers.Conv2D(3, 3, name="new")(x))


INSIDE = ["preprocess", "stem_conv", "stem_bn", "stem_relu", "down_conv"]


@pytest.mark.parametrize(
    ("build", "before", "last"),
    [
        (as_one_layer, ["flip"], "top_bn"),
        (lambda: as_one_layer(training=False), ["flip"], "top_bn"),
        (two_levels_deep, ["multiply", "subtract", "flip"], "top_relu"),
        (in_a_sequential, ["s"], "top_bn"),
        (layers_called_again, ["flip"], "down_conv"),
    ],
    ids=["one layer", "at inference", "two levels", "sequential", "layers called again"],
)
def test_what_is_inside_another_model_is_cut(build: Any, before: list[str], last: str) -> None:
    model = build()
    images = RNG.uniform(0, 255, (3, 16, 16, 3)).astype("float32")
    expected = np.asarray(model(images, training=False))
    graph = Graph.of(model)
    names = [point.name for point in graph.cut_points]
    # Keras numbers functions of keras.ops through the process: "multiply_3".
    assert [re.sub(r"_\d+$", "", name) for name in names[: len(before)]] == before
    assert names[len(before) :][: len(INSIDE)] == INSIDE
    assert names[-1] == last
    for name in names:
        trunk, tail = graph.trunk(name), graph.tail(name)
        joined = tail(trunk(images, training=False), training=False)
        np.testing.assert_allclose(joined, expected, rtol=1e-5, atol=1e-6)
        assert not {w.path for w in trunk.weights} & {w.path for w in tail.weights}
        assert {id(w) for w in trunk.weights + tail.weights} == {id(w) for w in model.weights}
    np.testing.assert_array_equal(model(images, training=False), expected)


def test_model_that_was_laid_open_is_saved_as_it_was(tmp_path: Path) -> None:
    model = as_one_layer()
    config = model.get_config()
    for name in ("stem_conv", "block_add"):
        split(model, name)
    assert model.get_config() == config
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in model.layers]
    images = RNG.uniform(0, 255, (3, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(
        loaded(images, training=False), np.asarray(model(images, training=False))
    )


def test_stock_flat_model_is_read_without_calling_its_layers_again() -> None:
    model = tiny_model()
    graph = Graph.of(model)
    assert graph.source is model.inputs[0]
    assert graph.output is model.outputs[0]
    assert [step.output for step in graph.steps] == [x.output for x in model.operations[1:]]


def test_inner_model_was_compiled_with_a_loss_of_ones_own() -> None:
    inner = tiny_model()
    inner.compile("sgd", loss=lambda true, given: (true - given) ** 2)
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, inner(image))
    assert [point.name for point in cut_points(model)][:5] == INSIDE


def test_inner_model_for_other_numbers_gets_them_as_its_own_input_would_make_them() -> None:
    image = keras.Input((16, 16, 3), dtype="uint8")
    inner = keras.Input((16, 16, 3), dtype="float32")
    model = keras.Model(image, keras.Model(inner, layers.Conv2D(2, 3, name="conv")(inner))(image))
    model = keras.Model(image, layers.ReLU()(model.output))
    images = RNG.integers(0, 256, (2, 16, 16, 3), dtype="uint8")
    assert [point.name for point in cut_points(model)][-1] == "conv"
    joined_equals_whole(model, "conv", images)


def test_inner_model_whose_names_are_taken_stays_whole() -> None:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(3, 3, padding="same", name="stem_conv")(image)
    model = keras.Model(image, layers.ReLU(name="end")(tiny_model()(x)))
    assert [point.name for point in cut_points(model)] == ["stem_conv", "tiny"]
    images = RNG.uniform(0, 255, (3, 16, 16, 3)).astype("float32")
    joined_equals_whole(model, "tiny", images)


def test_model_that_is_used_twice_cannot_be_cut() -> None:
    image = keras.Input((16, 16, 3))
    inner = keras.Model(x := keras.Input((16, 16, 3)), layers.Conv2D(2, 3, name="conv")(x))
    both = layers.Add()([inner(image), inner(layers.ReLU()(image))])
    with pytest.raises(CutError, match=r"uses the layer 'conv' in more than one place"):
        cut_points(keras.Model(image, both))


class Doubling(keras.Model):  # type: ignore[misc]
    """Does not do what its graph says."""

    def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        return 2 * super().call(x, training=training, mask=mask)


def test_inner_model_with_a_call_of_its_own_cannot_be_cut_and_says_what_to_do() -> None:
    tiny = tiny_model()
    inner = Doubling(tiny.input, tiny.output, name="doubling")
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, inner(image), name="outer")
    with pytest.raises(
        CutError, match=r"'outer' holds the model 'doubling' as a layer.* Build it of Keras layers"
    ):
        cut_points(model)
    with pytest.raises(CutError, match=r"'doubling' is not a Functional or Sequential model with"):
        cut_points(inner)


def test_layer_used_twice_cannot_be_cut() -> None:
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    model = keras.Model(image, shared(shared(image)), name="loop")
    with pytest.raises(CutError, match=r"'loop' uses the layer 'shared' in more than one place"):
        cut_points(model)


def test_model_of_two_inputs_or_no_graph_cannot_be_cut() -> None:
    one, two = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    both = keras.Model([one, two], layers.Add()([one, two]), name="both")

    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    for model in (both, Own(name="own")):
        with pytest.raises(CutError, match="is not a Functional or Sequential model with one inp"):
            cut_points(model)
