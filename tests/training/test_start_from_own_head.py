"""A head of one's own goes on from a run whose classes stand in another order, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tlkit.errors import TrainingError

layers = keras.layers
ORDER = ("class_2", "class_0", "class_1")


def two_convolutions() -> keras.Model:
    """A backbone whose output is a map."""
    image = keras.Input((16, 16, 3))
    small = layers.Conv2D(5, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Conv2D(6, 3, activation="relu")(small))


def attentive(features: Any, classes: int) -> Any:
    """Has a kernel with one column, as a single sigmoid has."""
    weights = layers.Softmax(axis=(1, 2))(layers.Conv2D(1, 1)(features))
    return layers.Dense(classes, "softmax")(keras.ops.sum(features * weights, axis=(1, 2)))


def as_narrow_as_there_are_classes(features: Any, classes: int) -> Any:
    hidden = layers.Dense(3, "tanh")(layers.GlobalAveragePooling2D()(features))
    return layers.Dense(classes, "softmax")(hidden)


def of_maps(features: Any, classes: int) -> Any:
    return layers.Softmax()(layers.GlobalAveragePooling2D()(layers.Conv2D(classes, 1)(features)))


def cooled(features: Any, classes: int) -> Any:
    return layers.Softmax()(layers.Dense(classes)(layers.Flatten()(features)) * 2.0)


def shared(features: Any) -> Any:
    pooled, last = layers.GlobalAveragePooling2D()(features), layers.Dense(3)
    return layers.Softmax()(last(layers.Dense(3)(last(pooled[:, :3]))))


IN_A_ROW = keras.Sequential(
    [layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(3), layers.Activation("softmax")]
)


@pytest.fixture(scope="module")
def data() -> tlkit.ImageDataset:
    return tlkit.testing.tiny_dataset(24)


def trained(head: Any, data: tlkit.ImageDataset, rate: float, **settings: Any) -> Any:
    stage = tlkit.Stage("head", epochs=1, learning_rate=rate)
    settings = {"head": head, "weights": None, "cache": False, **settings}
    return tlkit.StagedTrainer(two_convolutions, stages=[stage], **settings).fit(data, verbose=0)


@pytest.mark.parametrize(
    "head", [attentive, as_narrow_as_there_are_classes, of_maps, IN_A_ROW, tlkit.Head(units=(3,))]
)
def test_what_a_head_says_of_each_class_stays_with_the_class(
    head: Any, data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    before = trained(head, data, 0.1, run_dir=tmp_path / "run")
    file = tmp_path / "run" / "model.keras"
    after = trained(head, data.with_classes(ORDER), 1e-12, start_from=file)
    pixels = data.load(range(len(data)), 16).astype("float32")
    known, found = (each.model.predict(pixels, verbose=0) for each in (before, after))
    assert after.class_names == ORDER
    columns = [ORDER.index(name) for name in data.class_names]
    assert np.allclose(found[:, columns], known, atol=1e-5)
    assert not np.allclose(found, known, atol=1e-3)


@pytest.mark.parametrize("head", [cooled, shared])
def test_a_head_of_which_it_cannot_be_told_is_refused_and_goes_on_in_the_order_of_the_file(
    head: Callable[..., Any], data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    trained(head, data, 0.1, run_dir=tmp_path / "run")
    file = tmp_path / "run" / "model.keras"
    said = r"order 'class_0', 'class_1', 'class_2', .* as 'class_2', .* train\.with_classes"
    with pytest.raises(TrainingError, match=said):
        trained(head, data.with_classes(ORDER), 0.1, start_from=file)
    trained(head, data, 0.1, start_from=file)
