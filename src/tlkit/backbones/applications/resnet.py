"""ResNet of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("ResNet50", "resnet50", 224, 2048, 23_587_712, top1=0.749),
    Application("ResNet101", "resnet101", 224, 2048, 42_658_176, top1=0.764),
    Application("ResNet152", "resnet152", 224, 2048, 58_370_944, top1=0.766),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.resnet."""
    return specs(
        _NETWORKS,
        family="ResNet",
        preprocessing="caffe",
        min_size=32,
        weights_license="MIT",
        paper="https://arxiv.org/abs/1512.03385",
    )
