"""InceptionV3 of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.inception_v3."""
    return [
        application(
            "InceptionV3",
            name="inception_v3",
            family="Inception",
            preprocessing="tf",
            default_size=299,
            min_size=75,
            feature_count=2048,
            parameters=21_802_784,
            top1=0.779,
            paper="https://arxiv.org/abs/1512.00567",
        ),
    ]
