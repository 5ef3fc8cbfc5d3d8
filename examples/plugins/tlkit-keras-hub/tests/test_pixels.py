"""Raw pixels reach the network as the preset's own image converter would hand them over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_hub  # type: ignore[import-not-found, unused-ignore]
import numpy as np
import pytest
from small_presets import FAMILIES, OFFSET, SCALE, edit_json, raw_images, save_preset
from tlkit_keras_hub import spec_from_preset

import tlkit
from tlkit.errors import BackboneError

Converter = keras_hub.layers.ImageConverter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A preset whose converter may be changed."""
    return save_preset(tmp_path / "vgg", FAMILIES["vgg"]())


@keras.saving.register_keras_serializable("tests")
class Inverting(Converter):  # type: ignore[misc, valid-type]
    """Does more to pixels than scale and shift them."""

    def call(self, inputs: Any) -> Any:
        return 255.0 - super().call(inputs)


def fed(folder: Path, raw: np.ndarray, **settings: Any) -> np.ndarray:
    """Return what the network of a spec is fed for raw images."""
    spec = spec_from_preset(folder, preprocessing=settings.get("spec", "auto"))
    mode = settings.get("build", "auto")
    model = tlkit.build_backbone(
        spec, image_size=raw.shape[1:3], weights="preset", preprocessing=mode
    )
    stages = [op for op in model.operations if op.name == "preprocess"]
    stage = keras.Model(model.inputs[0], (stages or model.operations)[0].output)
    return np.asarray(stage(raw))


@pytest.mark.parametrize(
    "settings",
    [
        {"scale": 1 / 127.5, "offset": -1.0},
        {"scale": 1 / 255},
        {"offset": [-123.68, -116.779, -103.939]},
        {"scale": [0.017124, 0.017507, 0.017429], "offset": [-2.1179, -2.0357, -1.8044]},
        {},
    ],
    ids=["one for all", "scale only", "offset only", "by channel", "neither"],
)
def test_the_network_is_fed_what_the_converter_gives(
    settings: dict[str, Any], folder: Path
) -> None:
    Converter(image_size=(64, 48), **settings).save_to_preset(str(folder))
    raw = raw_images(64, 48)
    expected = np.asarray(Converter(**settings)(raw))
    assert np.abs(fed(folder, raw) - expected).max() < 1e-5 * np.abs(expected).max()


def test_the_mean_and_variance_of_older_presets_are_understood(folder: Path) -> None:
    file = folder / "image_converter.json"
    older: dict[str, Any] = {"height": 32, "width": 32, "scale": 1 / 255}
    older |= {"mean": [0.485, 0.456, 0.406], "variance": [0.0524, 0.0502, 0.0506]}
    edit_json(file, config={"name": "older", **older})
    raw = raw_images(32, 32)
    expected = (raw / 255 - older["mean"]) / np.sqrt(older["variance"])
    assert np.abs(fed(folder, raw) - expected).max() < 1e-5


def test_a_converter_inside_the_preprocessor_is_found(folder: Path) -> None:
    converter = json.loads((folder / "image_converter.json").read_text())
    (folder / "image_converter.json").unlink()
    preprocessor = {"class_name": "Any", "config": {"image_converter": converter}}
    (folder / "preprocessor.json").write_text(json.dumps(preprocessor))
    raw = raw_images(32, 32)
    assert np.abs(fed(folder, raw) - (raw * SCALE + OFFSET)).max() < 1e-5


def test_a_mode_that_the_user_asks_for_takes_the_place_of_the_converter(folder: Path) -> None:
    raw = raw_images(32, 32)
    assert np.abs(fed(folder, raw, build="unit") - raw / 255).max() < 1e-6
    assert np.abs(fed(folder, raw, spec="tf") - (raw / 127.5 - 1)).max() < 1e-6
    assert (fed(folder, raw, spec="raw") == raw).all()


def test_without_a_converter_the_user_is_asked_to_choose(folder: Path) -> None:
    (folder / "image_converter.json").unlink()
    with pytest.raises(
        BackboneError, match=r"has no image converter .* Choose with preprocessing="
    ):
        spec_from_preset(folder)
    spec = spec_from_preset(folder, preprocessing="torch")
    assert (spec.preprocessing, spec.default_size) == ("torch", 224)


def test_an_unknown_mode_is_refused(folder: Path) -> None:
    with pytest.raises(BackboneError, match=r"preprocessing='imagenet', expected 'auto'.*'caffe'"):
        spec_from_preset(folder, preprocessing="imagenet")


def refusal(folder: Path, converter: dict[str, Any]) -> str:
    (folder / "image_converter.json").write_text(json.dumps(converter))
    with pytest.raises(BackboneError) as caught:
        spec_from_preset(folder)
    return str(caught.value)


def test_a_converter_that_does_more_is_refused(folder: Path) -> None:
    converter = keras.saving.serialize_keras_object(Inverting(scale=1 / 255))
    message = refusal(folder, converter)
    assert "it does more to pixels than scale and shift them. Choose with preprocess" in message


def test_what_is_no_converter_is_refused_and_not_made(folder: Path) -> None:
    layer = keras.saving.serialize_keras_object(keras.layers.Dense(1))
    message = refusal(folder, {**layer, "registered_name": "keras_hub>VGGBackbone"})
    assert "cannot be put into a model: it is a 'Dense'" in message


def test_a_converter_with_impossible_settings_is_refused(folder: Path) -> None:
    converter = json.loads((folder / "image_converter.json").read_text())
    message = refusal(folder, {**converter, "config": {"scale": ["a", "b", "c"]}})
    assert "cannot be put into a model" in message
    message = refusal(folder, {**converter, "config": {"unheard_of": 1}})
    assert "cannot be put into a model" in message


def test_the_size_of_the_converter_is_the_default(preset: Callable[[str], Path]) -> None:
    assert spec_from_preset(preset("vgg"), name="other").default_size == 32
