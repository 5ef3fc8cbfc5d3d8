"""The model that tlkit gets gives what KerasHub's backbone gives, family by family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_presets import (
    FAMILIES,
    TRANSFORMER,
    difference,
    features_of_keras_hub,
    models,
    raw_images,
    save_preset,
)
from tlkit_keras_hub import spec_from_preset

import tlkit
from tlkit import BackboneSpec
from tlkit._keras.graph import cut_points, split
from tlkit.errors import ImageSizeError, WeightsError
from tlkit.features.fingerprint import trunk_fingerprint

Preset = Callable[[str], Path]
Spec = Callable[[str], BackboneSpec]

# Of these the first token stands for the image, in KerasHub's classifiers or in the papers.
CLASS_TOKEN = ("vit", "deit", "dinov2", "dinov3", "clip")
STOCK = ("resnet", "resnet_v2", "densenet", "vgg", "xception", "cspnet", "efficientnet")
WHOLE = ("mit", "vit", "vit_without_class_token", "deit", "siglip")
TIED = ("vit", "vit_without_class_token", "deit", "clip", "siglip")
SQUARE = ("mit", "dinov2", "dinov3")


def built(spec: BackboneSpec, size: Any = None) -> Any:
    return tlkit.build_backbone(spec, image_size=size, weights="preset")


def expected(family: str, folder: Path, raw: np.ndarray, **size: Any) -> np.ndarray:
    features = features_of_keras_hub(folder, raw, **size)
    if family in CLASS_TOKEN:
        return features[:, 0]
    return features.mean(axis=1) if features.ndim == 3 else features


@pytest.mark.parametrize("family", FAMILIES)
def test_the_features_are_those_of_keras_hub(family: str, preset: Preset, spec: Spec) -> None:
    raw = raw_images(32, 32)
    model = built(spec(family))
    assert difference(model(raw), expected(family, preset(family), raw)) < 1e-5
    points = cut_points(model)
    assert points
    trunk, tail = split(model, points[len(points) // 2].name)
    assert difference(tail(trunk(raw)), np.asarray(model(raw))) < 1e-6


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in TIED])
def test_they_are_at_another_size_too(family: str, preset: Preset, spec: Spec) -> None:
    size = (64, 64) if family in SQUARE else (48, 64)
    fixed = {"image_shape": (*size, 3)} if family in SQUARE else {}
    raw = raw_images(*size)
    wanted = expected(family, preset(family), raw, **fixed)
    assert difference(built(spec(family), size)(raw), wanted) < 1e-5


def test_efficientnet_pads_at_an_odd_size_as_keras_hub_does(preset: Preset, spec: Spec) -> None:
    """Made for that size alone, KerasHub's network would pad otherwise than the preset does."""
    raw = raw_images(37, 45)
    wanted = features_of_keras_hub(preset("efficientnet"), raw)
    assert difference(built(spec("efficientnet"), (37, 45))(raw), wanted) < 1e-5


@pytest.mark.parametrize("family", TIED)
def test_weights_that_are_tied_to_a_size_are_refused_at_another(family: str, spec: Spec) -> None:
    with pytest.raises(ImageSizeError, match=r"tied to 32 x 32. Ask for image_size=32\."):
        built(spec(family), 64)


def test_a_preset_that_is_tied_to_an_oblong_size_takes_that(tmp_path: Path) -> None:
    settings = {**TRANSFORMER, "image_shape": (32, 16, 3), "mlp_dim": 16}
    spec = spec_from_preset(save_preset(tmp_path / "oblong", models.ViTBackbone(**settings)))
    assert (spec.default_size, spec.min_size) == (32, 16)
    with pytest.raises(ImageSizeError, match=r"tied to 32 x 16. Ask for image_size=\(32, 16\)"):
        built(spec)
    assert built(spec, (32, 16)).output_shape == (None, 8)


@pytest.mark.parametrize("family", SQUARE)
def test_a_network_of_square_images_refuses_others(family: str, spec: Spec) -> None:
    with pytest.raises(ImageSizeError, match=r"takes square images only. Ask for image_size=64\."):
        built(spec(family), (48, 64))


@pytest.mark.parametrize("family", STOCK)
def test_these_families_are_flat_and_of_stock_layers(family: str, spec: Spec) -> None:
    kinds = {
        type(operation).__module__.split(".")[0] for operation in built(spec(family)).operations
    }
    assert kinds == {"keras"}


def test_the_other_families_need_keras_hub_or_stay_whole(spec: Spec) -> None:
    others = [family for family in FAMILIES if family not in STOCK]
    layers = {family: spec(family).build.args[2].own_layers for family in others}  # type: ignore[attr-defined]
    assert all(layers.values())
    assert [family for family in others if layers[family] == ("WholeBackbone",)] == list(WHOLE)


@pytest.mark.parametrize("family", ["resnet", "mobilenet", "vit"])
def test_two_builds_share_layer_names_and_stored_features(family: str, spec: Spec) -> None:
    one, other = built(spec(family)), built(spec(family))
    names = [operation.name for operation in one.operations]
    assert names == [operation.name for operation in other.operations]
    assert trunk_fingerprint(one) == trunk_fingerprint(other)


def test_the_figures_of_the_spec_are_those_of_the_network(spec: Spec) -> None:
    found = spec("resnet")
    assert (found.name, found.family, found.weights) == ("tiny_resnet", "ResNet", ("preset",))
    assert (found.default_size, found.min_size, found.preprocessing) == (32, 32, "raw")
    assert found.parameters == built(found).count_params()
    assert found.feature_count == built(found).output_shape[-1] == 32


def test_whoever_asks_for_other_weights_is_told_which_there_are(spec: Spec) -> None:
    with pytest.raises(WeightsError, match=r"weights='imagenet' .* expected None or 'preset', or"):
        tlkit.build_backbone(spec("vgg"))


def test_without_weights_the_network_is_random(spec: Spec) -> None:
    model = tlkit.build_backbone(spec("vgg"), weights=None)
    raw = raw_images(32, 32)
    assert difference(model(raw), np.asarray(built(spec("vgg"))(raw))) > 0.1


def test_each_build_has_weights_of_its_own(spec: Spec) -> None:
    one, other = built(spec("vgg")), built(spec("vgg"))
    before = np.asarray(other.weights[0])
    one.weights[0].assign(np.zeros(one.weights[0].shape))
    assert (np.asarray(other.weights[0]) == before).all()
