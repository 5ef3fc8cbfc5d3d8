"""Xception of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (Application("Xception", "xception", 299, 2048, 20_861_480, top1=0.79),)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.xception."""
    return specs(
        _NETWORKS,
        family="Xception",
        preprocessing="tf",
        min_size=71,
        weights_license="MIT",
        paper="https://arxiv.org/abs/1610.02357",
    )
