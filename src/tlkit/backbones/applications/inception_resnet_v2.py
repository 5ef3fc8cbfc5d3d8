"""InceptionResNetV2 of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.inception_resnet_v2."""
    return [
        application(
            "InceptionResNetV2",
            name="inception_resnet_v2",
            family="Inception-ResNet",
            preprocessing="tf",
            default_size=299,
            min_size=75,
            feature_count=1536,
            parameters=54_336_736,
            top1=0.803,
            paper="https://arxiv.org/abs/1602.07261",
        ),
    ]
