"""What the built models are: their shapes, figures and files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from networks import classifier
from reference_inputs import reference_images, scaled
from tlkit_efficientnet_lite.models import build_classifier, build_features
from tlkit_efficientnet_lite.plugin import tlkit_backbones
from tlkit_efficientnet_lite.variants import VARIANTS

from tlkit.errors import UnknownBackboneError, WeightsError

SPECS = tlkit_backbones()
STOCK = (
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.InputLayer,
    keras.layers.ReLU,
)


def built(index: int, side: int, weights: str | None = None) -> keras.Model:
    return SPECS[index].build(keras.Input((side, side, 3)), weights)


@pytest.mark.parametrize("index", range(3))
def test_the_figures_of_the_spec_are_true(index: int) -> None:
    spec = SPECS[index]
    model = built(index, spec.default_size)
    side = -(-spec.default_size // 32)
    assert model.name == spec.name
    assert model.count_params() == spec.parameters
    assert model.output_shape == (None, side, side, spec.feature_count)


@pytest.mark.parametrize("index", range(3))
def test_the_smallest_size_works(index: int) -> None:
    spec = SPECS[index]
    model = built(index, spec.min_size)
    features = np.asarray(model(np.zeros((2, spec.min_size, spec.min_size, 3), np.float32)))
    assert features.shape == (2, 1, 1, 1280)


def test_only_stock_layers_with_unique_names_are_used() -> None:
    model = built(2, 32)
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    assert all(type(layer) in STOCK for layer in model.layers)
    assert {"stem_conv", "block3b_expand_conv", "block7a_project_bn", "head_relu6"} <= set(names)


def test_the_features_are_those_that_the_classifier_pools() -> None:
    batch = scaled(reference_images(224)["china.jpg"])
    features = np.asarray(built(0, 224, "imagenet")(batch, training=False))
    whole = classifier("efficientnet_lite0")
    kernel, bias = (np.asarray(weight) for weight in whole.get_layer("logits").weights)
    logits = features.mean((1, 2)) @ kernel + bias
    np.testing.assert_allclose(logits, np.asarray(whole(batch, training=False)), atol=1e-4)
    assert features.min() >= 0
    assert features.max() <= 6


def test_the_model_starts_at_the_source_of_its_input() -> None:
    raw = keras.Input((64, 64, 3), name="raw")
    model = SPECS[0].build(keras.layers.Rescaling(1 / 127.5, -1.0)(raw), None)
    assert [tensor.name for tensor in model.inputs] == ["raw"]
    assert model.output_shape == (None, 2, 2, 1280)


@pytest.mark.slow
def test_a_saved_model_loads_in_plain_keras_and_answers_the_same(tmp_path: Path) -> None:
    model = built(0, 64, "imagenet")
    batch = np.random.RandomState(1).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    model.save(tmp_path / "net.keras")
    np.save(tmp_path / "batch.npy", batch)
    code = (
        "import sys, keras, numpy as np\n"
        "batch = np.load('batch.npy')\n"
        "answer = keras.saving.load_model('net.keras')(batch, training=False)\n"
        "np.save('answer.npy', np.asarray(answer))\n"
        "assert not any('tlkit' in name for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_array_equal(
        np.load(tmp_path / "answer.npy"), np.asarray(model(batch, training=False))
    )


def test_random_weights_need_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_weights: object) -> None:
        raise AssertionError("a file of weights was sought")

    monkeypatch.setattr("tlkit_efficientnet_lite.models.load_tensors", refuse)
    assert built(1, 32).count_params() == SPECS[1].parameters


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(WeightsError, match="weights='noisy', expected 'imagenet' or None"):
        build_features(VARIANTS[0], keras.Input((32, 32, 3)), "noisy")


def test_an_unknown_classifier_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownBackboneError, match="'lite9', expected one of efficientnet_lite0"):
        build_classifier("lite9")
