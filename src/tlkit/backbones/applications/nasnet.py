"""NASNet of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.nasnet."""
    return [
        application(
            "NASNetMobile",
            name="nasnet_mobile",
            family="NASNet",
            preprocessing="tf",
            default_size=224,
            min_size=32,
            feature_count=1056,
            parameters=4_269_716,
            top1=0.744,
            paper="https://arxiv.org/abs/1707.07012",
        ),
        application(
            "NASNetLarge",
            name="nasnet_large",
            family="NASNet",
            preprocessing="tf",
            default_size=331,
            min_size=32,
            feature_count=4032,
            parameters=84_916_818,
            top1=0.825,
            paper="https://arxiv.org/abs/1707.07012",
        ),
    ]
