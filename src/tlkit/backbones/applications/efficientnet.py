"""EfficientNet B0 to B7 of keras.applications."""

from __future__ import annotations

from typing import Any

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, build_application, specs
from tlkit.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("EfficientNetB0", "efficientnet_b0", 224, 1280, 4_049_571, top1=0.771),
    Application("EfficientNetB1", "efficientnet_b1", 240, 1280, 6_575_239, top1=0.791),
    Application("EfficientNetB2", "efficientnet_b2", 260, 1408, 7_768_569, top1=0.801),
    Application("EfficientNetB3", "efficientnet_b3", 300, 1536, 10_783_535, top1=0.816),
    Application("EfficientNetB4", "efficientnet_b4", 380, 1792, 17_673_823, top1=0.829),
    Application("EfficientNetB5", "efficientnet_b5", 456, 2048, 28_513_527, top1=0.836),
    Application("EfficientNetB6", "efficientnet_b6", 528, 2304, 40_960_143, top1=0.84),
    Application("EfficientNetB7", "efficientnet_b7", 600, 2560, 64_097_687, top1=0.843),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.efficientnet."""
    return specs(
        _NETWORKS,
        family="EfficientNet",
        preprocessing="raw",
        min_size=32,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/1905.11946",
        build=_build,
    )


def _build(class_name: str, input_tensor: Any, weights: str | None) -> Any:
    """Build a network whose input is the same wherever its weights come from.

    Keras multiplies the normalized image by 1 / sqrt(std) only where ``weights="imagenet"``.
    With weights from a file, or loaded later, that step would be missing: here it is put in front.
    Behind ``x / 255 - mean`` a factor c is the same as ``c x + 255 mean (1 - c)`` before it.
    """
    from keras import layers

    if weights == "imagenet":
        return build_application(class_name, input_tensor, weights)
    factors = [std**-0.5 for std in IMAGENET_STD]
    offsets = [255 * mean * (1 - c) for mean, c in zip(IMAGENET_MEAN, factors, strict=True)]
    rescaled = layers.Rescaling(factors, offsets, name="imagenet_rescaling")(input_tensor)
    return build_application(class_name, rescaled, weights)
