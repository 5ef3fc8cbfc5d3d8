"""MobileNetV2 of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (Application("MobileNetV2", "mobilenet_v2", 224, 1280, 2_257_984, top1=0.713),)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.mobilenet_v2."""
    return specs(
        _NETWORKS,
        family="MobileNetV2",
        preprocessing="tf",
        min_size=32,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/1801.04381",
    )
