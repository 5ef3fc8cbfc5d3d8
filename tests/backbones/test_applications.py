"""Every class of keras.applications, with the preprocessing that it was trained with."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tlkit._keras.graph import split
from tlkit.backbones.preprocessing import preprocess
from tlkit.backbones.registry import BACKBONES

OURS = [spec for spec in tlkit.list_backbones() if spec.distribution == "tlkit"]
# The smallest network of each module, with the size of its images in the tests.
SMALLEST = {
    min(
        (spec for spec in OURS if spec.plugin == module), key=lambda spec: spec.parameters
    ).name: module
    for module in sorted({spec.plugin for spec in OURS})
}


def noise(count: int, size: int) -> np.ndarray:
    """Random pixels as float32, 0..255, with black and white among them."""
    pixels = np.random.default_rng(0).uniform(0, 255, (count, size, size, 3)).astype("float32")
    pixels[0, 0], pixels[0, 1] = 0, 255
    return pixels


def expected(module: str, images: np.ndarray) -> np.ndarray:
    """What a keras.applications module's own function makes of raw images."""
    own = import_module(f"keras.applications.{module}").preprocess_input
    return np.asarray(own(images.copy()))


def keras_classes() -> dict[str, str]:
    """The classes that the installed Keras offers, with their module."""
    functions = inspect.getmembers(keras.applications, inspect.isfunction)
    return {name: value.__module__.rpartition(".")[2] for name, value in functions}


def test_every_class_that_keras_offers_is_a_backbone() -> None:
    """Fails when a Keras release brings a new application: give it a row in the table."""
    assert {spec.aliases[0]: spec.plugin for spec in OURS} == keras_classes()
    assert len(OURS) == 40


def test_every_module_is_an_entry_point_of_its_own() -> None:
    points = [point for point in BACKBONES.installed() if point.value.startswith("tlkit.")]
    assert {point.name for point in points} == set(keras_classes().values())
    for point in points:
        assert point.value == f"tlkit.backbones.keras_applications:{point.name}"


@pytest.mark.parametrize("spec", OURS, ids=lambda spec: spec.name)
def test_spec_says_what_there_is_to_say(spec: tlkit.BackboneSpec) -> None:
    assert spec.weights == ("imagenet",)
    assert spec.weights_license in {"Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0"}
    assert spec.top1 is not None
    assert 0.65 < spec.top1 < 0.87
    assert spec.top1_source.startswith("https://")
    assert spec.paper.startswith("https://arxiv.org/abs/")
    assert spec.default_size >= 224


@pytest.mark.parametrize("spec", OURS, ids=lambda spec: spec.name)
def test_every_backbone_states_the_preprocessing_of_its_module(spec: tlkit.BackboneSpec) -> None:
    image = keras.Input((4, 4, 3))
    staged = keras.Model(image, preprocess(image, spec.preprocessing))(noise(2, 4))
    np.testing.assert_allclose(staged, expected(spec.plugin, noise(2, 4)), rtol=0, atol=1e-5)


def build(spec: tlkit.BackboneSpec) -> Any:
    """The network at its smallest size."""
    return tlkit.build_backbone(spec.name, image_size=spec.min_size, weights=None)


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    """Models that several tests look at, each built once."""
    return {}


@pytest.mark.parametrize(("name", "module"), SMALLEST.items())
def test_network_sees_what_the_modules_own_preprocessing_gives(
    name: str, module: str, built: dict[str, Any]
) -> None:
    spec = tlkit.get_backbone(name)
    images = noise(2, spec.min_size)
    model = built[name] = build(spec)
    assert (model.name, model.output_shape[-1]) == (name, spec.feature_count)
    assert model.count_params() == spec.parameters
    if spec.preprocessing == "raw":
        assert np.array_equal(expected(module, images), images), "the network scales inside"
        assert "preprocess" not in [layer.name for layer in model.layers]
        return
    # A cut point: everything that the network sees has come through it.
    stage, _ = split(model, "preprocess")
    np.testing.assert_allclose(stage(images), expected(module, images), rtol=0, atol=1e-5)


# Hundreds of layers, built twice and run without a graph, take longer than all others together.
DEEP = ("densenet121", "inception_resnet_v2", "nasnet_mobile")


@pytest.mark.parametrize(
    ("name", "module"),
    [
        pytest.param(*each, marks=pytest.mark.slow if each[0] in DEEP else ())
        for each in SMALLEST.items()
    ],
)
def test_built_model_is_the_network_of_keras_applications(
    name: str, module: str, built: dict[str, Any]
) -> None:
    spec = tlkit.get_backbone(name)
    size = spec.min_size
    model = built.pop(name, None) or build(spec)
    network = getattr(keras.applications, spec.aliases[0])(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    network.set_weights(model.get_weights())
    seen = expected(module, noise(2, size))
    if module == "efficientnet":
        # What weights="imagenet" adds, and tlkit adds for any weights: see test_weights.py.
        first = next(layer for layer in model.layers if layer.name == "imagenet_rescaling")
        seen = first(seen)
    features = np.asarray(network(seen))
    np.testing.assert_allclose(
        np.asarray(model(noise(2, size))), features, rtol=0, atol=1e-5 * np.abs(features).max()
    )


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet_v3_small", "densenet121", "vgg16"])
def test_unit_gives_any_network_zero_to_one_as_the_study_did(name: str) -> None:
    model = tlkit.build_backbone(name, image_size=32, weights=None, preprocessing="unit")
    stage, _ = split(model, "preprocess")
    np.testing.assert_allclose(stage(noise(2, 32)), noise(2, 32) / 255, rtol=0, atol=1e-6)
