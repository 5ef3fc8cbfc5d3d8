"""MobileNetV3 of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("MobileNetV3Small", "mobilenet_v3_small", 224, 576, 939_120, top1=0.681),
    Application("MobileNetV3Large", "mobilenet_v3_large", 224, 960, 2_996_352, top1=0.756),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.mobilenet_v3."""
    return specs(
        _NETWORKS,
        family="MobileNetV3",
        preprocessing="raw",
        min_size=32,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/1905.02244",
        top1_source="https://arxiv.org/abs/1905.02244",
    )
