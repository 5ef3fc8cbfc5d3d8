"""One class of keras.applications as a BackboneSpec."""

from __future__ import annotations

from functools import partial
from typing import Any

from tlkit.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from tlkit.backbones.spec import BackboneSpec


def application(class_name: str, *, name: str, top1: float, **facts: Any) -> BackboneSpec:
    """Return the spec of a keras.applications class.

    Args:
        class_name: Keras's name, for example ``"DenseNet121"``; accepted as an alias.
        name: tlkit's name.
        top1: ImageNet top-1 accuracy that the Keras documentation publishes.
        **facts: The remaining fields of `BackboneSpec`.
    """
    rescaled = class_name.startswith("EfficientNetB")
    return BackboneSpec(
        name=name,
        build=partial(_build_rescaled if rescaled else _build, class_name),
        top1=top1,
        top1_source="https://keras.io/api/applications/",
        aliases=(class_name,),
        **facts,
    )


def _build(class_name: str, input_tensor: Any, weights: str | None) -> Any:
    import keras

    # NASNet refuses its ImageNet weights at any input_shape but its default, though they fit;
    # MobileNetV2 picks its weights file by input_shape.
    shape = {} if class_name.startswith("NASNet") else {"input_shape": input_tensor.shape[1:]}
    factory = getattr(keras.applications, class_name)
    return factory(include_top=False, weights=weights, input_tensor=input_tensor, **shape)


def _build_rescaled(class_name: str, input_tensor: Any, weights: str | None) -> Any:
    """Build EfficientNetB0..B7 so that its input is the same wherever weights come from.

    Keras multiplies the normalized image by 1 / sqrt(std) only where ``weights="imagenet"``.
    With weights from a file, or loaded later, that step would be missing: here it is put in front.
    Behind ``x / 255 - mean`` a factor c is the same as ``c x + 255 mean (1 - c)`` before it.
    """
    from keras import layers

    if weights == "imagenet":
        return _build(class_name, input_tensor, weights)
    factors = [std**-0.5 for std in IMAGENET_STD]
    offsets = [255 * mean * (1 - c) for mean, c in zip(IMAGENET_MEAN, factors, strict=True)]
    rescaled = layers.Rescaling(factors, offsets, name="imagenet_rescaling")(input_tensor)
    return _build(class_name, rescaled, weights)
