"""The whole model, and which of its layers are backbone and which are head."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from tlkit.backbones.build import Backbone, ImageSize, build_backbone
from tlkit.data.streams import stream_seed
from tlkit.training.head import Head


@dataclass(frozen=True)
class Parts:
    """A model of backbone and head.

    Args:
        model: From raw images to probabilities.
        backbone: The backbone's layers from the input to the output, without input layers.
        head: The head's layers.
    """

    model: Any
    backbone: tuple[Any, ...]
    head: tuple[Any, ...]

    @property
    def layers(self) -> tuple[Any, ...]:
        """Return all layers, backbone first."""
        return self.backbone + self.head


def assemble(
    backbone: Backbone,
    head: Head,
    classes: int,
    *,
    image_size: ImageSize | None,
    weights: Any,
    preprocessing: str,
    seed: int,
) -> Parts:
    """Build a backbone with a head; random weights follow from ``seed`` alone."""
    with _seeded(stream_seed(seed, "backbone")):
        trunk = build_backbone(
            backbone, image_size=image_size, weights=weights, preprocessing=preprocessing
        )
    probabilities = head.build(trunk.outputs[0], classes, seed=seed)
    model = keras.Model(trunk.inputs, probabilities, name=trunk.name)
    below = tuple(leaf_layers(trunk))
    known = {id(layer) for layer in below}
    above = tuple(layer for layer in leaf_layers(model) if id(layer) not in known)
    return Parts(model, below, above)


def leaf_layers(model: Any) -> Iterator[Any]:
    """Yield a model's layers in order, those of models inside it in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def is_random(layer: Any) -> bool:
    """Return whether a layer draws random numbers in training, as dropout does."""
    return any(isinstance(value, keras.random.SeedGenerator) for value in vars(layer).values())


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what Keras draws the seeds of unseeded initializers from, and put it back."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
