"""ResNet of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.resnet."""
    return [
        application(
            "ResNet50",
            name="resnet50",
            family="ResNet",
            preprocessing="caffe",
            default_size=224,
            min_size=32,
            feature_count=2048,
            parameters=23_587_712,
            top1=0.749,
            paper="https://arxiv.org/abs/1512.03385",
        ),
        application(
            "ResNet101",
            name="resnet101",
            family="ResNet",
            preprocessing="caffe",
            default_size=224,
            min_size=32,
            feature_count=2048,
            parameters=42_658_176,
            top1=0.764,
            paper="https://arxiv.org/abs/1512.03385",
        ),
        application(
            "ResNet152",
            name="resnet152",
            family="ResNet",
            preprocessing="caffe",
            default_size=224,
            min_size=32,
            feature_count=2048,
            parameters=58_370_944,
            top1=0.766,
            paper="https://arxiv.org/abs/1512.03385",
        ),
    ]
