"""Keras preprocessing layers as an augmentation whose draws belong to one image each."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._keras.random_states import random_states
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Layer
from tlkit._seeds import stream_seed
from tlkit.errors import DataError

# Why a layer cannot be an augmentation of one image by itself.
REFUSED = {
    "CutMix": "mixes images and needs their labels too. Give it as Stage(mix=keras.layers.CutMix)",
    "MixUp": "mixes images and needs their labels too. Give it as Stage(mix=keras.layers.MixUp)",
    "AugMix": "draws from Python's global random numbers, which no seed of the run reaches. "
    "Use RandAugment",
}
# What Keras counts or draws by itself in a process, and what a call leaves behind.
_NOT_SETTINGS = ("name", "seed", "build_config")
# Building a compiled function is not safe in two threads, and stages may share a layer.
_BUSY = threading.Lock()


def is_layer(value: object) -> TypeGuard[Layer]:
    """Return whether a value is a Keras layer or model."""
    return isinstance(value, keras.Layer)


def with_layers_joined(steps: Iterable[Any]) -> list[Any]:
    """Return transforms in which Keras layers that follow each other are one function to compile.

    Args:
        steps: Transforms, to be made one after the other.

    Example:
        >>> layers = [LayerAugmentation(keras.layers.RandomFlip()) for _ in range(2)]
        >>> [len(step.layers) for step in with_layers_joined(layers)]
        [2]
    """
    joined: list[Any] = []
    for step in steps:
        last = joined[-1] if joined else None
        if isinstance(last, LayerAugmentation) and isinstance(step, LayerAugmentation):
            joined[-1] = LayerAugmentation([*last.layers, *step.layers])
        else:
            joined.append(step)
    return joined


class LayerAugmentation:
    """Keras preprocessing layers, called like `tlkit.Augmentation`.

    Each image goes through the layers by itself, as a batch of one, with random states that follow
    from (seed, stage, epoch, index of the image); so neither the batch nor the order matters. One
    compiled function does it, on backends that compile the layers in question. The layers' own
    seeds are not used. A layer of your own must draw from a ``keras.random.SeedGenerator`` that is
    one of its attributes.

    Args:
        layer: A layer, or several in a ``keras.Sequential`` or a sequence, that takes float images,
            0..255, of shape (1, h, w, 3) and returns the same.

    Raises:
        DataError: A layer that mixes images, or whose draws cannot be seeded.

    Example:
        >>> flip = LayerAugmentation(keras.layers.RandomFlip("horizontal"))
        >>> images = np.zeros((2, 8, 8, 3), np.uint8)
        >>> flip(images, [5, 9], seed=0, stage="warm", epoch=0).shape
        (2, 8, 8, 3)
    """

    def __init__(self, layer: Layer | Sequence[Layer]) -> None:
        self.layers = tuple(_flat(layer))
        for part in self.layers:
            reason = REFUSED.get(type(part).__name__)
            if reason:
                raise DataError(f"augmentation={part!r}; this layer {reason}.")
        self._compiled: dict[tuple[int, ...], _Seeded] = {}

    def __call__(
        self, images: ArrayLike, indices: ArrayLike, *, seed: int, stage: str, epoch: int
    ) -> NDArray[np.float32]:
        """Draw and apply the changes of some images.

        Args:
            images: Array of shape (n, h, w, 3), uint8 or float, 0..255.
            indices: Index of each image in its dataset, (n,).
            seed: The run's seed; any integer.
            stage: The stage's name.
            epoch: Epoch, from 0.

        Returns:
            Array of shape (n, h, w, 3), float32, 0..255.

        Raises:
            DataError: A layer draws random numbers that do not follow from its seed.
        """
        pixels = np.asarray(images).astype(np.float32, copy=False)
        purpose = f"augmentation of {stage}"
        starts = [stream_seed(seed, purpose, epoch, int(i)) for i in np.asarray(indices).ravel()]
        if not starts:
            return pixels
        with _BUSY:
            model = self._model(pixels[:1])
            changed = [
                model.run(image[None], start) for image, start in zip(pixels, starts, strict=True)
            ]
        return np.concatenate(changed)

    def __repr__(self) -> str:
        return f"LayerAugmentation({self.get_config()['layers']})"

    def get_config(self) -> dict[str, str]:
        """Return the layers' settings as text that is the same in every process."""
        return {"layers": _told([keras.saving.serialize_keras_object(x) for x in self.layers])}

    def _model(self, image: NDArray[np.float32]) -> _Seeded:
        """Return the compiled layers for a shape of image; one each, as shapes change the graph."""
        known = self._compiled.get(image.shape)
        if known is None:
            known = _Seeded(self.layers, image)
            first, second = (_with_states_at_zero(self.layers, image) for _ in range(2))
            if not np.allclose(first, second, atol=0.01):
                raise DataError(
                    f"{self!r} gave two results for one image and one seed; expected random "
                    "numbers from the layer's own keras.random.SeedGenerator. Give it one as an "
                    "attribute, and draw from that."
                )
            self._compiled[image.shape] = known
        return known


class _Seeded(keras.Model):  # type: ignore[misc]
    """Layers one after the other, as a function of an image and of all their random states."""

    def __init__(self, layers: tuple[Any, ...], image: NDArray[np.float32]) -> None:
        super().__init__(name="augmentation", dtype="float32")
        for layer in layers:
            layer(image)  # builds it
        self._parts = layers
        self._count = sum(len(random_states(layer)) for layer in layers)

    def run(self, image: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Return the changed image, whose random states are drawn from ``start``."""
        states = np.zeros((1, self._count, 2), np.uint32)
        states[0, :, 0] = np.random.SeedSequence(start).generate_state(self._count) >> 1
        result: NDArray[np.float32] = predict_on_batch(self, (image, states)).astype(np.float32)
        return result

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Return the changed image, drawn anew although Keras calls this at inference."""
        x, states = inputs
        drawn = [state for layer in self._parts for state in random_states(layer)]
        fixed = [
            (state, keras.ops.cast(states[0, number], state.dtype))
            for number, state in enumerate(drawn)
        ]
        with keras.StatelessScope(state_mapping=fixed):
            for layer in self._parts:
                x = layer(x, training=True)
        return x


def _with_states_at_zero(layers: tuple[Any, ...], image: NDArray[np.float32]) -> NDArray[Any]:
    """Return what layers draw from the same states, if they draw from nothing else.

    Not compiled: a compiled draw from elsewhere would be the same each time, and pass unseen.
    """
    for state in (state for layer in layers for state in random_states(layer)):
        state.assign(np.zeros(state.shape, state.dtype))
    x: Any = image
    for layer in layers:
        x = layer(x, training=True)
    return np.asarray(keras.ops.convert_to_numpy(x))


def _flat(layer: Layer | Sequence[Layer]) -> Iterator[Any]:
    if isinstance(layer, (keras.Sequential, list, tuple)):
        for inner in getattr(layer, "layers", layer):
            yield from _flat(inner)
    else:
        yield layer


def _told(config: object) -> str:
    if isinstance(config, Mapping) and "class_name" in config:
        return f"{config['class_name']}({_told(config.get('config') or {})})"
    if isinstance(config, Mapping):
        kept = [f"{k}={_told(config[k])}" for k in sorted(config) if k not in _NOT_SETTINGS]
        return ", ".join(kept)
    if isinstance(config, (list, tuple)):
        return f"[{', '.join(map(_told, config))}]"
    return repr(config)
