"""The whole model, and which of its layers are backbone and which are head."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from tlkit._keras.graph import Graph
from tlkit._keras.layers import leaf_layers
from tlkit._keras.random_states import random_states
from tlkit._keras.types import Model
from tlkit._seeds import stream_seed
from tlkit._task import Task
from tlkit.backbones.build import Backbone, ImageSize, build_backbone
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import BackboneError, ImageSizeError
from tlkit.freezing.head import Head
from tlkit.freezing.own_copies import NeverTrained, OwnCopies
from tlkit.freezing.own_head import AnyHead


@dataclass(frozen=True)
class Parts:
    """A model of backbone and head.

    Args:
        model: From raw images to probabilities.
        backbone: The backbone's layers from the input to the output, without input layers.
        head: The head's layers.
        features: Shape of what the backbone gives, without the batch: (h, w, channels) or
            (channels,); None where it is not known.
    """

    model: Any
    backbone: tuple[Any, ...]
    head: tuple[Any, ...]
    features: tuple[int, ...] | None = None
    # Phases cut again and again at a few places. What cutting adds to the layers' memory of calls
    # stays there, so each tail is cut off once.
    tails: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def graph(self) -> Graph:
        """The model as a flat list of steps, models inside it laid open.

        Raises:
            CutError: It is not one that can be read so.
        """
        return Graph.of(self.model)

    @property
    def layers(self) -> tuple[Any, ...]:
        """All layers, backbone first."""
        return self.backbone + self.head


def assemble(
    backbone: Backbone,
    head: AnyHead,
    classes: int,
    *,
    image_size: ImageSize | None,
    weights: Any,
    preprocessing: str,
    seed: int,
    task: Task = Task.MULTICLASS,
) -> Parts:
    """Build a backbone with a head; random weights follow from ``seed`` alone.

    A model that a user's function did not build anew is copied; see `OwnCopies`.
    """
    if not isinstance(backbone, (str, BackboneSpec, NeverTrained)):
        backbone = OwnCopies(backbone)
    with _seeded(stream_seed(seed, "backbone")):
        trunk = build_backbone(
            backbone, image_size=image_size, weights=weights, preprocessing=preprocessing
        )
    if None in trunk.input_shape[1:3]:
        raise ImageSizeError(
            f"The backbone {trunk.name!r} takes images of any size, {trunk.input_shape[1:3]}, and "
            "training needs one. Give image_size=224 or image_size=(height, width)."
        )
    _require_features(trunk)
    if isinstance(head, Head):
        trunk = head.below(trunk)
    below = tuple(leaf_layers(trunk))
    taken = {layer.name for layer in (*below, *trunk.layers)}
    with _seeded(stream_seed(seed, "head")):  # what tlkit.Head draws follows from seeds of its own
        probabilities = head.build(trunk.outputs[0], classes, seed=seed, taken=taken, task=task)
    model = keras.Model(trunk.inputs[0], probabilities, name=trunk.name)
    known = {id(layer) for layer in below}
    above = tuple(layer for layer in leaf_layers(model) if id(layer) not in known)
    return Parts(model, below, above, tuple(trunk.outputs[0].shape[1:]))


def head_weights(parts: Parts, head: AnyHead, classes: int, task: Task, seed: int) -> list[Any]:
    """Return the weights, layer by layer, that the head of a model has at another seed.

    Args:
        parts: The model, as `assemble` gave it.
        head: Of the model.
        classes: Number of classes.
        task: What is told of an image.
        seed: The other.

    Returns:
        A list of arrays for each layer of ``parts.head``.
    """
    features = keras.Input(parts.features)
    with _seeded(stream_seed(seed, "head")):
        taken = {layer.name for layer in parts.backbone}
        probabilities = head.build(features, classes, seed=seed, taken=taken, task=task)
    layers = leaf_layers(keras.Model(features, probabilities))
    return [layer.get_weights() for layer in layers]


def _require_features(trunk: Model) -> None:
    shape = tuple(trunk.outputs[0].shape)
    if len(shape) in (2, 4):
        return
    tokens = (
        " These are tokens in a row: end with keras.layers.GlobalAveragePooling1D(), or with the "
        "class token, tokens[:, 0]."
    )
    raise BackboneError(
        f"The backbone {trunk.name!r} gives {shape}, expected a feature map (None, h, w, channels) "
        f"or features (None, channels).{tokens * (len(shape) == 3)}"
    )


def seed_noise(layers: Iterable[Any], seed: int, stage: str) -> None:
    """Let all that layers draw in a stage follow from (seed, stage) and not from stages before."""
    for layer in layers:
        for number, variable in enumerate(random_states(layer)):
            variable.assign([noise_start(layer.name, seed, stage, number), 0])


def noise_start(layer: str, seed: int, stage: str, number: int = 0) -> int:
    """Return what a layer's random numbers in a stage follow from.

    Args:
        layer: Its name.
        seed: Of the training.
        stage: Name of the stage.
        number: Which of the layer's generators.
    """
    return stream_seed(seed, f"noise of {layer} in {stage}", sample=number) % 2**31


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what Keras draws the seeds of unseeded initializers from, and put it back."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
