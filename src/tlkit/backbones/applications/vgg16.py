"""VGG16 of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.vgg16."""
    return [
        application(
            "VGG16",
            name="vgg16",
            family="VGG",
            preprocessing="caffe",
            default_size=224,
            min_size=32,
            feature_count=512,
            parameters=14_714_688,
            top1=0.713,
            paper="https://arxiv.org/abs/1409.1556",
        ),
    ]
