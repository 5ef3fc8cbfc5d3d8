"""DenseNet of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("DenseNet121", "densenet121", 224, 1024, 7_037_504, top1=0.75),
    Application("DenseNet169", "densenet169", 224, 1664, 12_642_880, top1=0.762),
    Application("DenseNet201", "densenet201", 224, 1920, 18_321_984, top1=0.773),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.densenet."""
    return specs(
        _NETWORKS,
        family="DenseNet",
        preprocessing="torch",
        min_size=32,
        weights_license="BSD-3-Clause",
        paper="https://arxiv.org/abs/1608.06993",
    )
