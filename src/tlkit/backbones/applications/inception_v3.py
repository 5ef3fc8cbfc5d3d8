"""InceptionV3 of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (Application("InceptionV3", "inception_v3", 299, 2048, 21_802_784, top1=0.779),)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.inception_v3."""
    return specs(
        _NETWORKS,
        family="InceptionV3",
        preprocessing="tf",
        min_size=75,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/1512.00567",
    )
