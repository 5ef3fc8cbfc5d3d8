"""ResNetV2 of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("ResNet50V2", "resnet50_v2", 224, 2048, 23_564_800, top1=0.76),
    Application("ResNet101V2", "resnet101_v2", 224, 2048, 42_626_560, top1=0.772),
    Application("ResNet152V2", "resnet152_v2", 224, 2048, 58_331_648, top1=0.78),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.resnet_v2."""
    return specs(
        _NETWORKS,
        family="ResNetV2",
        preprocessing="tf",
        min_size=32,
        weights_license="BSD-3-Clause",
        paper="https://arxiv.org/abs/1603.05027",
    )
