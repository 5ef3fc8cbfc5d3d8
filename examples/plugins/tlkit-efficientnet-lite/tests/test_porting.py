"""Each tensor is used exactly once and each variable is filled, or the port is refused."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tlkit_efficientnet_lite.models import build_classifier, build_features
from tlkit_efficientnet_lite.porting import layer_rules, port_weights
from tlkit_efficientnet_lite.variants import VARIANTS, Variant
from tlkit_efficientnet_lite.weights import load_tensors

from tlkit.errors import WeightsError

LITE0 = VARIANTS[0]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_classifier(LITE0.name, weights=None)


@pytest.fixture
def tensors() -> dict[str, NDArray[Any]]:
    return load_tensors(LITE0.weights)


def misfit(model: keras.Model, tensors: dict[str, NDArray[Any]]) -> str:
    with pytest.raises(WeightsError) as caught:
        port_weights(model, tensors, LITE0, top=True)
    return str(caught.value)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_rules_name_every_layer_that_has_weights(variant: Variant) -> None:
    model = build_features(variant, keras.Input((32, 32, 3)), None)
    ruled = [name for name, _, _ in layer_rules(variant)]
    assert ruled == [layer.name for layer in model.layers if layer.weights]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variable_of_the_network_is_changed_by_the_port(variant: Variant) -> None:
    model = build_classifier(variant.name, weights=None)
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan, np.float32))
    port_weights(model, load_tensors(variant.weights), variant, top=True)
    assert all(np.isfinite(np.asarray(weight)).all() for weight in model.weights)


def test_the_file_holds_as_many_numbers_as_the_network(
    model: keras.Model, tensors: dict[str, NDArray[Any]]
) -> None:
    numbers = sum(array.size for array in tensors.values() if array.dtype == np.float32)
    assert numbers == model.count_params()


def test_a_missing_tensor_is_named(model: keras.Model, tensors: dict[str, NDArray[Any]]) -> None:
    del tensors["_blocks.3._bn1.running_var"]
    message = misfit(model, tensors)
    assert "the file has no tensor '_blocks.3._bn1.running_var'" in message
    assert message.endswith("Reinstall tlkit-efficientnet-lite.")


def test_a_tensor_too_many_is_named(model: keras.Model, tensors: dict[str, NDArray[Any]]) -> None:
    tensors["_blocks.16._bn0.weight"] = np.ones(3, np.float32)
    assert "that no layer takes: ['_blocks.16._bn0.weight']" in misfit(model, tensors)


@pytest.mark.parametrize(
    "wrong",
    [
        np.ones((32, 3, 3), np.float32),
        np.ones((3, 32, 3, 3), np.float32),
        np.ones((32, 3, 3, 3), np.int64),
    ],
    ids=["axes", "order", "dtype"],
)
def test_a_tensor_of_another_shape_or_type_is_named(
    model: keras.Model, tensors: dict[str, NDArray[Any]], wrong: NDArray[Any]
) -> None:
    tensors["_conv_stem.weight"] = wrong
    message = misfit(model, tensors)
    assert f"'_conv_stem.weight' is {wrong.dtype} of shape {wrong.shape}" in message
    assert "float32 of shape (3, 3, 3, 32) for stem_conv/kernel" in message


def test_a_variable_without_a_tensor_is_named(tensors: dict[str, NDArray[Any]]) -> None:
    images = keras.Input((32, 32, 3))
    model = keras.Model(images, keras.layers.Conv2D(32, 3, name="stem_conv")(images))
    with pytest.raises(WeightsError, match=r"no tensor for \['stem_conv/bias'\]"):
        port_weights(model, tensors, LITE0, top=False)
