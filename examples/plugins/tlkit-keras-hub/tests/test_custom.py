"""Backbones that are not KerasHub's own, and what makes one stay whole or be refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_hub  # type: ignore[import-not-found, unused-ignore]
import numpy as np
import pytest
from small_presets import difference, features_of_keras_hub, raw_images, save_preset
from tlkit_keras_hub import spec_from_preset

import tlkit
from tlkit.errors import BackboneError

layers = keras.layers


@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Layer):  # type: ignore[misc]
    """Its config leaves its factor out."""

    def __init__(self, factor: float = 1.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "factor"}


@keras.saving.register_keras_serializable("tests")
class Lying(keras.layers.Layer):  # type: ignore[misc]
    """States more channels than it gives, and mends it in the next."""

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], shape[-1] + 1)

    def call(self, inputs: Any) -> Any:
        return inputs


ENDS = {
    "map": lambda x: x,
    "tokens": layers.Reshape((-1, 4)),
    "pair": lambda x: [x, layers.GlobalAveragePooling2D()(x)],
    "forgetful": lambda x: Forgetful(3.0)(x),
    "lying": lambda x: layers.GlobalAveragePooling2D()(Lying()(x)),
    "nested": lambda x: nested(x.shape[1:])(x),
}


def nested(shape: Any) -> Any:
    """A model within the model; one that is no keras.Sequential cannot be cut around."""
    features = keras.Input(shape)
    return keras.Model(features, layers.Conv2D(4, 1)(features))


@keras.saving.register_keras_serializable("tests")
class Custom(keras_hub.models.Backbone):  # type: ignore[misc]
    """A backbone of one convolution that ends in one way or another."""

    def __init__(self, end: str, image_shape: Any = (None, None, 3), **settings: Any) -> None:
        image = keras.Input(image_shape)
        x = layers.Conv2D(4, 8, strides=8, name="conv")(image)
        super().__init__(image, ENDS[end](x), **settings)
        self.end = end

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "end": self.end}


@keras.saving.register_keras_serializable("tests")
class Unsavable(Custom):
    """A saved model would be made with another end than the preset says."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "end": "map"}


def saved(folder: Path, end: str) -> Path:
    return save_preset(folder / end, Custom(end))


def test_a_backbone_of_ones_own_works_too(tmp_path: Path) -> None:
    spec = spec_from_preset(saved(tmp_path, "map"))
    assert (spec.family, spec.name) == ("Custom", "map")
    names = [op.name for op in tlkit.build_backbone(spec, weights="preset").operations]
    assert names == ["image", "preprocess", "conv"]


@pytest.mark.parametrize("end", ["forgetful", "nested"])
def test_one_whose_layers_cannot_stand_alone_stays_whole(end: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, end)
    model = tlkit.build_backbone(spec_from_preset(folder), weights="preset")
    assert [op.name for op in model.operations] == ["image", "preprocess", "backbone"]
    raw = raw_images(32, 32)
    assert difference(model(raw), features_of_keras_hub(folder, raw)) < 1e-6


@pytest.mark.parametrize("end", ["tokens", "pair"])
def test_one_that_gives_no_features_of_an_image_is_refused(end: str, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="It is not a backbone for classifying images"):
        spec_from_preset(saved(tmp_path, end))


def test_one_whose_shapes_are_not_what_it_states_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"states the shape .* and gives \(1, 4\)"):
        spec_from_preset(saved(tmp_path, "lying"))


def test_one_that_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    backbone = Unsavable("forgetful")
    folder = save_preset(tmp_path / "unsavable", backbone)
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"map"', '"forgetful"'))
    with pytest.raises(BackboneError) as caught:
        spec_from_preset(folder)
    assert "cannot be put into a model that can be saved and loaded. flat: " in str(caught.value)
    assert "whole: BackboneError: saved and loaded, it differs by" in str(caught.value)


def test_the_weights_of_the_preset_are_in_the_model(tmp_path: Path) -> None:
    folder = saved(tmp_path, "map")
    model = tlkit.build_backbone(spec_from_preset(folder), weights="preset")
    own = Custom.from_preset(str(folder)).get_layer("conv").get_weights()
    copies = model.get_layer("conv").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(own, copies, strict=True))
