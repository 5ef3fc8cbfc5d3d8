"""Models of other people as backbones: taken as they are, or refused with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import tlkit
from tests.conftest import thorough
from tests.training.conftest import SIZE, head_stage, same_weights, trainer
from tlkit.errors import BackboneError, ImageSizeError, WeightsError
from tlkit.testing import tiny_model

Data = tuple[tlkit.ImageDataset, tlkit.ImageDataset]


class Written(keras.Model):  # type: ignore[misc]
    """A model with a call of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tiny_model()

    def call(self, images: Any) -> Any:
        return self.inner(images)


def tokens() -> Any:
    image = keras.Input((SIZE, SIZE, 3))
    return keras.Model(image, layers.Reshape((16, 12))(tiny_model()(image)))


def in_a_graph() -> Any:
    image = keras.Input((SIZE, SIZE, 3))
    return keras.Model(image, Written()(image), name="wrapped")


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (tokens, r"gives \(None, 16, 12\), .* tokens in a row: end with .*GlobalAveragePooling1D"),
        (Written, r"returned Written, a model without a graph .* keras.Model\(image, model\(image"),
    ],
)
def test_what_no_head_can_be_put_on_is_refused_with_the_way_out(
    build: Any, told: str, parts: Data
) -> None:
    with pytest.raises(BackboneError, match=told):
        trainer(head_stage(), backbone=build).fit(*parts, verbose=0)


@pytest.fixture(scope="module")
def trained(parts: Data) -> Any:
    """A model that tlkit has trained."""
    return trainer(head_stage(epochs=1)).fit(*parts, verbose=0).model


@pytest.mark.parametrize("cut", ["head_dropout", *thorough("head_pool", "top_relu")])
def test_a_trained_model_can_be_a_backbone_cut_before_its_softmax(
    cut: str, trained: Any, parts: Data
) -> None:
    def without_softmax() -> Any:
        return keras.Model(trained.input, trained.get_layer(cut).output, name="cut")

    result = trainer(head_stage(epochs=1), backbone=without_softmax).fit(*parts, verbose=0)
    names = [layer.name for layer in result.model.layers]
    assert len(set(names)) == len(names)
    assert result.model.layers[-1].name == "probabilities"


def any_size() -> Any:
    image = keras.Input((None, None, 3))
    return keras.Model(image, layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(image)), name="any")


def test_a_model_of_any_size_is_trained_at_the_size_that_is_asked_for(parts: Data) -> None:
    with pytest.raises(ImageSizeError, match="Give image_size=224 or image_size="):
        trainer(head_stage(), backbone=any_size).fit(*parts, verbose=0)
    made = trainer(head_stage(epochs=1), backbone=any_size, image_size=(12, 20))
    result = made.fit(*parts, verbose=0)
    assert result.model.input_shape == (None, 12, 20, 3)
    assert result.stages[0].cut is not None, "its frozen part is computed once"
    fixed = tlkit.build_backbone(any_size, image_size=9)
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3)).astype("float32")
    assert fixed.predict(images, verbose=0).shape == (2, 7, 7, 4)


@pytest.mark.slow
def test_weights_of_another_head_name_the_way_to_the_backbone_alone(
    trained: Any, tmp_path: Path
) -> None:
    file = tmp_path / "other.keras"
    trained.save(file)
    others = tlkit.testing.tiny_dataset(24, classes=5)
    with pytest.raises(WeightsError, match=r"takes the head over too.* weights='.*other.keras' "):
        trainer(head_stage(), start_from=file).fit(others, verbose=0)
    result = trainer(head_stage(epochs=1), weights=file).fit(others, verbose=0)
    below = tlkit.build_backbone(tlkit.testing.tiny_backbone(), weights=file)
    assert same_weights(below, keras.Model(trained.input, trained.get_layer("top_relu").output))
    assert result.model.output_shape == (None, 5)


@pytest.mark.slow
def test_layers_that_plain_keras_has_not_are_told_when_the_model_is_saved(
    parts: Data, capsys: Any
) -> None:
    result = trainer(head_stage(epochs=1), backbone=in_a_graph).fit(*parts, verbose=1)
    assert result.stages[0].trained_layers == ("probabilities",)
    told = "needs more than Keras to be loaded: it holds tests.training.test_other_models.Written"
    assert any(told in note for note in result.stages[0].notes)
    assert told in "".join(capsys.readouterr())
    stock = trainer(head_stage(epochs=1)).fit(*parts, verbose=0)
    assert not any("needs more than Keras" in note for note in stock.stages[0].notes)
