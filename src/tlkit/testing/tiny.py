"""A tiny backbone and a tiny data set: seeded, no download, trained in a second."""

from __future__ import annotations

from typing import Any

import numpy as np

from tlkit._keras.types import Tensor
from tlkit.backbones.spec import BackboneSpec
from tlkit.data.dataset import ImageDataset

TINY_SIZE = 16


def tiny_backbone() -> BackboneSpec:
    """Return a backbone of a few hundred weights that behaves like a real one.

    It has convolutions, BatchNormalization, dropout, a residual block and several cut points,
    takes 8 pixels or more, 16 by default, and gives 12 features.

    Example:
        >>> import tlkit, tlkit.testing
        >>> spec = tlkit.testing.tiny_backbone()
        >>> tlkit.build_backbone(spec, weights=None).output_shape
        (None, 4, 4, 12)
    """
    return BackboneSpec(
        name="tiny",
        family="tlkit.testing",
        build=_build,
        preprocessing="tf",
        default_size=TINY_SIZE,
        min_size=8,
        feature_count=12,
        parameters=1964,
        weights=(),
        distribution="tlkit",
    )


def tiny_model(size: int = TINY_SIZE) -> Any:
    """Return the tiny backbone built with seeded random weights, as a keras.Model."""
    from tlkit.backbones.build import build_backbone

    return build_backbone(tiny_backbone(), image_size=size, weights=None)


def tiny_dataset(
    images: int = 48, classes: int = 3, *, size: int = TINY_SIZE, seed: int = 0
) -> ImageDataset:
    """Return images that a tiny model can learn to tell apart.

    Each class has a colour of its own under noise.

    Args:
        images: How many; classes take turns.
        classes: How many, at least 2.
        size: Side in pixels.
        seed: The images follow from it alone.

    Returns:
        A data set of uint8 images, 0..255, with classes ``class_0``, ``class_1``, ...
    """
    random = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    colours = random.integers(40, 215, (classes, 1, 1, 3))
    noise = random.integers(-40, 41, (images, size, size, 3))
    pixels = (colours[labels] + noise).astype("uint8")
    return ImageDataset.from_arrays(pixels, labels, [f"class_{i}" for i in range(classes)])


def _build(input_tensor: Tensor, weights: str | None) -> Any:  # noqa: ARG001
    import keras
    from keras import initializers, layers

    def conv(x: Tensor, filters: int, stride: int, name: str) -> Any:
        kernel = initializers.HeNormal(seed=len(name) + filters)
        x = layers.Conv2D(
            filters,
            3,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer=kernel,
            name=f"{name}_conv",
        )(x)
        return layers.BatchNormalization(name=f"{name}_bn")(x)

    x = layers.ReLU(name="stem_relu")(conv(input_tensor, 4, 2, "stem"))
    x = layers.ReLU(name="down_relu")(conv(x, 8, 2, "down"))
    branch = layers.ReLU(name="block_relu")(conv(x, 8, 1, "block"))
    branch = layers.SpatialDropout2D(0.2, seed=5, name="block_drop")(branch)
    x = layers.Add(name="block_add")([x, branch])
    x = layers.ReLU(name="top_relu")(conv(x, 12, 1, "top"))
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x)
