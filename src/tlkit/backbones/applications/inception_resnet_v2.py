"""InceptionResNetV2 of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("InceptionResNetV2", "inception_resnet_v2", 299, 1536, 54_336_736, top1=0.803),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.inception_resnet_v2."""
    return specs(
        _NETWORKS,
        family="InceptionResNetV2",
        preprocessing="tf",
        min_size=75,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/1602.07261",
    )
