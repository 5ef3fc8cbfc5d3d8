"""The networks in stock Keras layers, so that a saved model loads without this package."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tlkit.errors import UnknownBackboneError, WeightsError
from tlkit_efficientnet_lite.porting import port_weights
from tlkit_efficientnet_lite.variants import (
    CLASSES,
    HEAD_FILTERS,
    STEM_FILTERS,
    VARIANTS,
    Block,
    Variant,
)
from tlkit_efficientnet_lite.weights import load_tensors


def build_features(variant: Variant, input_tensor: Any, weights: str | None) -> keras.Model:
    """Build the network up to its last feature map, without pooling and top.

    Args:
        variant: Which member of the family.
        input_tensor: Symbolic float32 tensor of shape ``(None, h, w, 3)``, RGB in [-1, 1].
        weights: ``"imagenet"``, or None for random ones.

    Returns:
        A model from the source of ``input_tensor`` to float32 ``(None, h/32, w/32, 1280)``,
        rounded up, with values in [0, 6].

    Raises:
        WeightsError: The weights are unknown, not installed or not the pinned ones.
    """
    _check_weights_name(variant, weights)
    (source,) = keras.utils.get_source_inputs(input_tensor)
    model = keras.Model(source, _features(input_tensor, variant), name=variant.name)
    if weights is not None:
        port_weights(model, load_tensors(variant.weights), variant, top=False)
    return model


def build_classifier(name: str, weights: str | None = "imagenet") -> keras.Model:
    """Build the whole network with its top of 1,000 ImageNet classes, for images of any size.

    Args:
        name: Name of the backbone, for example ``"efficientnet_lite0"``.
        weights: ``"imagenet"``, or None for random ones.

    Returns:
        A model from float32 ``(None, h, w, 3)``, RGB in [-1, 1], to logits ``(None, 1000)``.

    Raises:
        UnknownBackboneError: No such network.
        WeightsError: The weights are unknown, not installed or not the pinned ones.

    Example:
        >>> from tlkit_efficientnet_lite.models import build_classifier
        >>> build_classifier("efficientnet_lite0", weights=None).output_shape
        (None, 1000)
    """
    variant = _variant(name)
    _check_weights_name(variant, weights)
    inputs = keras.Input((None, None, 3), name="image")
    pooled = layers.GlobalAveragePooling2D(name="pool")(_features(inputs, variant))
    outputs = layers.Dense(CLASSES, name="logits")(pooled)
    model = keras.Model(inputs, outputs, name=f"{name}_classifier")
    if weights is not None:
        port_weights(model, load_tensors(variant.weights), variant, top=True)
    return model


def _variant(name: str) -> Variant:
    for variant in VARIANTS:
        if variant.name == name:
            return variant
    known = ", ".join(variant.name for variant in VARIANTS)
    raise UnknownBackboneError(f"no network {name!r}, expected one of {known}.")


def _check_weights_name(variant: Variant, weights: str | None) -> None:
    if weights not in (None, "imagenet"):
        raise WeightsError(
            f"{variant.name}: weights={weights!r}, expected 'imagenet' or None. "
            "Pass None for random weights and load your own afterwards."
        )


def _features(images: Any, variant: Variant) -> Any:
    x = _convolve(images, STEM_FILTERS, "stem_conv", kernel=3, stride=2)
    x = _normalize_relu6(x, "stem")
    for block in variant.blocks():
        x = _inverted_residual(x, block)
    return _normalize_relu6(_convolve(x, HEAD_FILTERS, "head_conv"), "head")


def _inverted_residual(inputs: Any, block: Block) -> Any:
    """Widen, filter each channel, narrow again, and add the input where shapes allow."""
    x = inputs
    if block.expand != 1:
        x = _convolve(x, block.filters_in * block.expand, f"{block.name}_expand_conv")
        x = _normalize_relu6(x, f"{block.name}_expand")
    x = layers.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same",
        use_bias=False,
        name=f"{block.name}_depthwise_conv",
    )(x)
    x = _normalize_relu6(x, f"{block.name}_depthwise")
    x = _convolve(x, block.filters_out, f"{block.name}_project_conv")
    x = _normalize(x, f"{block.name}_project")
    return layers.Add(name=f"{block.name}_add")([inputs, x]) if block.has_shortcut else x


def _convolve(x: Any, filters: int, name: str, kernel: int = 1, stride: int = 1) -> Any:
    return layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, name=name
    )(x)


def _normalize(x: Any, prefix: str) -> Any:
    return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{prefix}_bn")(x)


def _normalize_relu6(x: Any, prefix: str) -> Any:
    return layers.ReLU(max_value=6, name=f"{prefix}_relu6")(_normalize(x, prefix))
