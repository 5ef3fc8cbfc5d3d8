"""DenseNet of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.densenet."""
    return [
        application(
            "DenseNet121",
            name="densenet121",
            family="DenseNet",
            preprocessing="torch",
            default_size=224,
            min_size=32,
            feature_count=1024,
            parameters=7_037_504,
            top1=0.75,
            paper="https://arxiv.org/abs/1608.06993",
        ),
        application(
            "DenseNet169",
            name="densenet169",
            family="DenseNet",
            preprocessing="torch",
            default_size=224,
            min_size=32,
            feature_count=1664,
            parameters=12_642_880,
            top1=0.762,
            paper="https://arxiv.org/abs/1608.06993",
        ),
        application(
            "DenseNet201",
            name="densenet201",
            family="DenseNet",
            preprocessing="torch",
            default_size=224,
            min_size=32,
            feature_count=1920,
            parameters=18_321_984,
            top1=0.773,
            paper="https://arxiv.org/abs/1608.06993",
        ),
    ]
