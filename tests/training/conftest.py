"""A small network without dropout, whole-model training in plain Keras, and callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import tlkit
from tlkit.data.batches import epoch_order
from tlkit.freezing.head import Head
from tlkit.freezing.whole_model import Parts, assemble, seed_noise
from tlkit.testing import tiny_backbone

SIZE = 16
CLASSES = 3


@pytest.fixture(autouse=True, scope="module")
def _fresh_keras() -> None:
    """Forget the models of the module before, which Keras keeps in one global graph."""
    keras.utils.clear_session()


def small_network(size: int = SIZE, dropout: float | None = None) -> Any:
    """A network of two blocks: convolution, BatchNormalization, ReLU, and an addition."""
    image = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0, name="preprocess")(image)
    x = _block(x, 6, 2, "one")
    y = _block(x, 6, 1, "two")
    if dropout is not None:
        y = layers.Dropout(dropout, seed=3, name="two_drop")(y)
    x = layers.Add(name="join")([x, y])
    return keras.Model(image, _block(x, 8, 2, "three"), name="small")


def nested_network() -> Any:
    """The small network as one layer, two levels deep, called as Keras's guide calls it."""
    image, inner = keras.Input((SIZE, SIZE, 3), name="photo"), keras.Input((SIZE, SIZE, 3))
    middle = keras.Model(inner, small_network()(inner, training=False), name="middle")
    return keras.Model(image, middle(image * 1.0, training=False), name="outer")


def every_layer(model: Any) -> list[Any]:
    """The layers of a model, those of models inside it in their place."""
    found = []
    for layer in model.layers:
        found += every_layer(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def _block(x: Any, filters: int, strides: int, name: str) -> Any:
    kernel = keras.initializers.HeNormal(seed=len(name))
    x = layers.Conv2D(
        filters, 3, strides, padding="same", kernel_initializer=kernel, name=f"{name}_conv"
    )(x)
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))


def trainer(*stages: tlkit.Stage, **settings: Any) -> tlkit.StagedTrainer:
    """A trainer of the tiny backbone that keeps nothing but what ``settings`` ask for."""
    given = {"backbone": tiny_backbone(), "weights": None, "cache": False, **settings}
    return tlkit.StagedTrainer(given.pop("backbone"), stages=stages, **given)


def head_stage(**settings: Any) -> tlkit.Stage:
    """Two epochs of the head alone."""
    given = {"name": "head", "epochs": 2, "learning_rate": 0.01, "batch_size": 16, **settings}
    return tlkit.Stage(given.pop("name"), **given)


def top_stage(**settings: Any) -> tlkit.Stage:
    """Two epochs of the head and the last three layers."""
    given = {"name": "top", "epochs": 2, "learning_rate": 0.003, "batch_size": 16, **settings}
    return tlkit.Stage(given.pop("name"), policy=tlkit.UnfreezeTop(layers=3), **given)


def weights_of(model: Any) -> dict[str, np.ndarray]:
    """Copies of all weights by path."""
    return {weight.path: np.array(np.asarray(weight)) for weight in model.weights}


def layer_weights(model: Any, name: str) -> list[np.ndarray]:
    """Copies of one layer's weights."""
    return [np.array(np.asarray(weight)) for weight in model.get_layer(name).weights]


def same_weights(one: Any, two: Any) -> bool:
    """Whether two models have bit for bit the same weights."""
    pairs = zip(one.weights, two.weights, strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


def largest_difference(one: Any, two: Any) -> float:
    """Largest absolute difference of any weight of two models."""
    pairs = zip(one.weights, two.weights, strict=True)
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs)


def assembled(backbone: Any, head: Head, size: int | None, seed: int = 0) -> Parts:
    """The model that a trainer of that backbone, head and seed starts from."""
    return assemble(
        backbone, head, CLASSES, image_size=size, weights=None, preprocessing="auto", seed=seed
    )


def train_whole_model(
    model: Any,
    trained: Sequence[str],
    data: tlkit.ImageDataset,
    stage: tlkit.Stage,
    *,
    seed: int = 0,
    eagerly: bool = False,
) -> None:
    """Train a whole model as the Keras guide does it: ``fit`` over images, all layers run.

    Models inside it stay what they are: layers. Nothing of tlkit is in it but what is drawn at
    random: the order of the images, the augmented pixels, and where dropout starts.
    """
    seed_noise(every_layer(model), seed, stage.name)
    for layer in every_layer(model):
        layer.trainable = layer.name in trained or layer.name in HEAD
    given: Any = stage.optimizer
    optimizer = keras.optimizers.Adam if given == "adam" else given
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer(stage.learning_rate), loss, run_eagerly=eagerly)
    everything = np.arange(len(data))
    pixels = data.load(everything, model.input_shape[1:3])
    for epoch in range(stage.epochs):
        images = pixels.astype("float32")
        if stage.transform is not None:
            images = stage.transform(pixels, everything, seed=seed, stage=stage.name, epoch=epoch)
        order = epoch_order(len(data), seed=seed, stage=stage.name, epoch=epoch)
        model.fit(
            images[order],
            data.labels[order],
            batch_size=stage.batch_size,
            shuffle=False,
            verbose=0,
        )


HEAD = ("head_pool", "head_dropout", "probabilities")


class AtEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Calls a function with the model at the end of one epoch."""

    def __init__(self, epoch: int, action: Callable[[Any], None]) -> None:
        super().__init__()
        self._epoch, self._action = epoch, action

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Act, if this is the epoch."""
        if epoch == self._epoch:
            self._action(self.model)


class AtStart(keras.callbacks.Callback):  # type: ignore[misc]
    """Calls a function with the model at the start of one epoch."""

    def __init__(self, epoch: int, action: Callable[[Any], None]) -> None:
        super().__init__()
        self._epoch, self._action = epoch, action

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Act, if this is the epoch."""
        if epoch == self._epoch:
            self._action(self.model)
