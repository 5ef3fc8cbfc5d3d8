"""MobileNetV2 of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.mobilenet_v2."""
    return [
        application(
            "MobileNetV2",
            name="mobilenet_v2",
            family="MobileNet",
            preprocessing="tf",
            default_size=224,
            min_size=32,
            feature_count=1280,
            parameters=2_257_984,
            top1=0.713,
            paper="https://arxiv.org/abs/1801.04381",
        ),
    ]
