"""MobileNet of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (Application("MobileNet", "mobilenet", 224, 1024, 3_228_864, top1=0.704),)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.mobilenet."""
    return specs(
        _NETWORKS,
        family="MobileNet",
        preprocessing="tf",
        min_size=32,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/1704.04861",
    )
