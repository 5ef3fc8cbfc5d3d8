"""Backbones as models of raw images, whatever they are built from."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import tlkit
from tests.conftest import few, skip_without_onnx_export
from tlkit._keras.graph import split
from tlkit.backbones.spec import PREPROCESSING
from tlkit.errors import BackboneError, ImageSizeError, PluginError
from tlkit.features.engines.onnx import OnnxEngine
from tlkit.testing import tiny_backbone, tiny_model


def noise(count: int, size: int) -> np.ndarray:
    """Random pixels as float32, 0..255, with black and white among them."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype("float32")
    pixels[0, 0], pixels[0, 1] = 0, 255
    return pixels


def test_unit_preprocessing_gives_zero_to_one_whatever_the_network_was_trained_on() -> None:
    model = tlkit.build_backbone(tiny_backbone(), weights=None, preprocessing="unit")
    staged = np.asarray(split(model, "preprocess")[0](noise(2, 16)))
    assert (staged.min(), staged.max()) == (0, 1)
    np.testing.assert_allclose(staged, noise(2, 16) / 255, atol=1e-6)


def test_unknown_preprocessing_is_an_error() -> None:
    with pytest.raises(BackboneError, match=r"expected 'auto' \(for 'tiny' that is 'tf'\) or one"):
        tlkit.build_backbone(tiny_backbone(), weights=None, preprocessing="torchvision")


@pytest.mark.parametrize("mode", few(PREPROCESSING, 2))
def test_bytes_and_floats_give_the_same(mode: str) -> None:
    spec = replace(tiny_backbone(), preprocessing=mode)
    model = tlkit.build_backbone(spec, weights=None)
    images = noise(3, 16)
    floats = model.predict(images, verbose=0)
    assert np.array_equal(model.predict(images.astype("uint8"), verbose=0), floats)
    assert np.array_equal(np.asarray(model(images.astype("uint8"))), np.asarray(model(images)))


@pytest.mark.parametrize(
    ("size", "shape"), [(None, (16, 16)), (8, (8, 8)), ((12, 20), (12, 20)), ([9, 8], (9, 8))]
)
def test_size_is_a_side_or_height_and_width(size: Any, shape: tuple[int, int]) -> None:
    model = tlkit.build_backbone(tiny_backbone(), image_size=size, weights=None)
    assert model.input_shape == (None, *shape, 3)


@pytest.mark.parametrize("size", [7, (16, 7), 0, -5])
def test_size_below_the_smallest_is_an_error(size: Any) -> None:
    with pytest.raises(
        ImageSizeError, match=r"below the smallest that 'tiny' accepts, 8 pixels.*trained at 16"
    ):
        tlkit.build_backbone(tiny_backbone(), image_size=size, weights=None)


@pytest.mark.parametrize("size", [16.0, "16", (16,), (16, 16, 3), True, (16, None)])
def test_size_that_is_none_is_an_error(size: Any) -> None:
    with pytest.raises(ImageSizeError, match=r"expected a number of pixels or a pair \(height, wi"):
        tlkit.build_backbone(tiny_backbone(), image_size=size, weights=None)


def test_too_small_is_seen_before_keras_is_asked() -> None:
    with pytest.raises(ImageSizeError, match="below the smallest that 'xception' accepts, 71"):
        tlkit.build_backbone("xception", image_size=70, weights=None)


def test_function_that_returns_a_model_is_a_backbone() -> None:
    model = tiny_model()
    assert tlkit.build_backbone(lambda: model) is model


def test_settings_that_a_function_cannot_follow_are_refused() -> None:
    assert tlkit.build_backbone(tiny_model, image_size=16).input_shape == (None, 16, 16, 3)
    assert tlkit.build_backbone(tiny_model, image_size=(16, 16)).name == "tiny"
    with pytest.raises(
        ImageSizeError,
        match=r"image_size=8, and the .* of 16 x 16\. .*build it on keras.Input\(\(8, 8, 3\)\)",
    ):
        tlkit.build_backbone(tiny_model, image_size=8)
    with pytest.raises(BackboneError, match=r"preprocessing='tf', and 'tiny_model' returns a mod"):
        tlkit.build_backbone(tiny_model, preprocessing="tf")


def two_outputs(image: Any) -> Any:
    """A model of two outputs."""
    return keras.Model(image, [image, image])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned NoneType, expected a keras.Model"),
        (layers.Dense(3), "returned Dense, expected a keras.Model"),
        (two_outputs(keras.Input((8, 8, 3))), "with 1 inputs and 2 outputs, expected one of each"),
        (
            keras.Model(x := keras.Input((8,)), layers.Dense(2)(x)),
            r"a model of input \(None, 8\), expected \(None, height, width, 3\)",
        ),
        (
            keras.Model(x := keras.Input((8, 8, 1)), layers.Flatten()(x)),
            r"a model of input \(None, 8, 8, 1\), expected \(None, height, width, 3\)",
        ),
    ],
)
def test_function_that_returns_something_else_is_an_error(returned: Any, message: str) -> None:
    def my_net() -> Any:
        return returned

    with pytest.raises(PluginError, match=f"The builder of 'my_net' .*{message}"):
        tlkit.build_backbone(my_net)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda image, weights: None, "returned NoneType, expected a keras.Model"),  # noqa: ARG005
        (lambda image, weights: image, "returned KerasTensor, expected a keras.Model"),  # noqa: ARG005
        (
            lambda image, weights: two_outputs(*keras.utils.get_source_inputs(image)),  # noqa: ARG005
            "with 1 inputs and 2 outputs, expected one of each",
        ),
        (
            lambda image, weights: tiny_model(),  # noqa: ARG005
            r"does not start at the source of input_tensor\. Build on input_tensor, and end with",
        ),
        (
            lambda image, weights: tiny_model(24),  # noqa: ARG005
            "takes images of 24 x 24, whatever size is asked for: here 16 x 16. Build on",
        ),
    ],
)
def test_plugin_whose_builder_returns_something_else_is_an_error(build: Any, message: str) -> None:
    spec = replace(tiny_backbone(), build=build)
    with pytest.raises(PluginError, match=f"The builder of 'tiny' .*{message}"):
        tlkit.build_backbone(spec, weights=None)


@pytest.mark.parametrize("mode", few(PREPROCESSING, 2))
def test_input_stage_exports_to_onnx(mode: str, tmp_path: Path) -> None:
    skip_without_onnx_export()
    import onnxruntime

    model = tlkit.build_backbone(replace(tiny_backbone(), preprocessing=mode), weights=None)
    expected = np.asarray(model(noise(2, 16)))
    OnnxEngine(model, tmp_path / "model")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (features,) = session.run(None, {session.get_inputs()[0].name: noise(2, 16)})
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_error_of_a_builder_is_passed_on() -> None:
    def broken(image: Any, weights: Any) -> Any:  # noqa: ARG001
        raise RuntimeError("my own trouble")

    with pytest.raises(RuntimeError, match="my own trouble"):
        tlkit.build_backbone(replace(tiny_backbone(), build=broken), weights=None)


WITHOUT_TLKIT = """
import json, sys
sys.modules["tlkit"] = None
import numpy as np, keras
images = np.load("images.npy")
for name in json.loads(sys.argv[1]):
    model = keras.saving.load_model(f"{name}.keras")
    np.save(f"{name}.npy", np.asarray(model(images)))
assert sys.modules["tlkit"] is None
"""


def test_saved_model_predicts_in_plain_keras_without_tlkit(tmp_path: Path) -> None:
    images = noise(4, 16).astype("uint8")
    np.save(tmp_path / "images.npy", images)
    models = {
        mode: tlkit.build_backbone(
            replace(tiny_backbone(), preprocessing=mode, default_size=16), weights=None
        )
        for mode in PREPROCESSING
    }
    stage = tlkit.Stage("all", epochs=1, learning_rate=0.01, policy=tlkit.UnfreezeAll())
    trainer = tlkit.StagedTrainer(tiny_backbone(), weights=None, cache=False, stages=[stage])
    models["trained"] = trainer.fit(tlkit.testing.tiny_dataset(), verbose=0).model
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
    subprocess.run(
        [sys.executable, "-c", WITHOUT_TLKIT, json.dumps(list(models))],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    for name, model in models.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), model(images), atol=1e-6)
