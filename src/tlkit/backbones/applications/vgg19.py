"""VGG19 of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.vgg19."""
    return [
        application(
            "VGG19",
            name="vgg19",
            family="VGG",
            preprocessing="caffe",
            default_size=224,
            min_size=32,
            feature_count=512,
            parameters=20_024_384,
            top1=0.713,
            paper="https://arxiv.org/abs/1409.1556",
        ),
    ]
