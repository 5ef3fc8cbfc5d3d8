"""Models of one start, as several trainings leave them, that are made without any."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

import tlkit
from tlkit.testing import tiny_backbone, tiny_dataset

NAMES = ("class_0", "class_1", "class_2")


class Family(NamedTuple):
    """Three models that differ in the last convolution, its statistics, and the head."""

    models: dict[str, tlkit.Predictor]
    train: tlkit.ImageDataset
    validation: tlkit.ImageDataset
    test: tlkit.ImageDataset


@pytest.fixture(scope="session")
def family() -> Family:
    """Models that know their classes, from a head by least squares."""
    train, validation, test = tiny_dataset(96).split(0.25, test=0.25)
    model = keras.models.clone_model(fresh())
    model.set_weights(fresh().get_weights())
    head = model.layers[-1]
    rows = predicted(keras.Model(model.input, head.input), train)
    wanted = 5 * np.eye(3)[train.labels] - 2.5
    found = np.linalg.lstsq(np.c_[rows, np.ones(len(rows))], wanted, rcond=None)[0]
    head.set_weights([found[:-1].astype("float32"), found[-1].astype("float32")])
    models = {name: moved(model, seed) for seed, name in enumerate(("one", "two", "three"))}
    return Family(models, train, validation, test)


def moved(model: Any, seed: int) -> tlkit.Predictor:
    """A copy of a model after some training: its last layers are a little elsewhere."""
    copy, random = keras.models.clone_model(model), np.random.default_rng(seed)
    copy.set_weights(model.get_weights())
    for layer in copy.layers[copy.layers.index(copy.get_layer("top_conv")) :]:
        parts = layer.get_weights()
        layer.set_weights([part * random.uniform(0.9, 1.1, part.shape) for part in parts])
    return known(copy)


def near(member: tlkit.Predictor, noise: float, seed: int = 0) -> tlkit.Predictor:
    """A copy of a model, its head moved at random."""
    copy = keras.models.clone_model(member.model)
    *below, kernel, bias = member.model.get_weights()
    shifted = kernel + np.random.default_rng(seed).normal(0, noise, kernel.shape)
    copy.set_weights([*below, shifted.astype("float32"), bias])
    return known(copy)


@cache
def fresh(
    size: int | tuple[int, int] = 16, classes: int = 3, activation: str = "softmax", seed: int = 0
) -> Any:
    """A model that nothing trained."""
    base = tlkit.build_backbone(tiny_backbone(), image_size=size, weights=None)
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    kernel = keras.initializers.GlorotNormal(seed=seed)
    output = keras.layers.Dense(classes, activation, kernel_initializer=kernel)(pooled)
    return keras.Model(base.input, output)


def known(model: Any, names: tuple[str, ...] = NAMES) -> tlkit.Predictor:
    """A model that knows its classes."""
    return tlkit.Predictor(model, class_names=names)


def predicted(model: Any, data: tlkit.ImageDataset, size: int = 16) -> np.ndarray:
    """What a model says of all images."""
    return np.asarray(model(data.load(range(len(data)), size)))
