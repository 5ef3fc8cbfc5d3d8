"""VGG19 of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (Application("VGG19", "vgg19", 224, 512, 20_024_384, top1=0.713),)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.vgg19."""
    return specs(
        _NETWORKS,
        family="VGG",
        preprocessing="caffe",
        min_size=32,
        weights_license="CC-BY-4.0",
        paper="https://arxiv.org/abs/1409.1556",
    )
