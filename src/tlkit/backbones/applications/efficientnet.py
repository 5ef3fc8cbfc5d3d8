"""EfficientNet B0 to B7 of keras.applications."""

from __future__ import annotations

from tlkit.backbones.applications.application import application
from tlkit.backbones.plugins import hookimpl
from tlkit.backbones.spec import BackboneSpec


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.efficientnet."""
    return [
        application(
            "EfficientNetB0",
            name="efficientnet_b0",
            family="EfficientNet",
            preprocessing="raw",
            default_size=224,
            min_size=32,
            feature_count=1280,
            parameters=4_049_571,
            top1=0.771,
            paper="https://arxiv.org/abs/1905.11946",
        ),
        application(
            "EfficientNetB1",
            name="efficientnet_b1",
            family="EfficientNet",
            preprocessing="raw",
            default_size=240,
            min_size=32,
            feature_count=1280,
            parameters=6_575_239,
            top1=0.791,
            paper="https://arxiv.org/abs/1905.11946",
        ),
        application(
            "EfficientNetB2",
            name="efficientnet_b2",
            family="EfficientNet",
            preprocessing="raw",
            default_size=260,
            min_size=32,
            feature_count=1408,
            parameters=7_768_569,
            top1=0.801,
            paper="https://arxiv.org/abs/1905.11946",
        ),
        application(
            "EfficientNetB3",
            name="efficientnet_b3",
            family="EfficientNet",
            preprocessing="raw",
            default_size=300,
            min_size=32,
            feature_count=1536,
            parameters=10_783_535,
            top1=0.816,
            paper="https://arxiv.org/abs/1905.11946",
        ),
        application(
            "EfficientNetB4",
            name="efficientnet_b4",
            family="EfficientNet",
            preprocessing="raw",
            default_size=380,
            min_size=32,
            feature_count=1792,
            parameters=17_673_823,
            top1=0.829,
            paper="https://arxiv.org/abs/1905.11946",
        ),
        application(
            "EfficientNetB5",
            name="efficientnet_b5",
            family="EfficientNet",
            preprocessing="raw",
            default_size=456,
            min_size=32,
            feature_count=2048,
            parameters=28_513_527,
            top1=0.836,
            paper="https://arxiv.org/abs/1905.11946",
        ),
        application(
            "EfficientNetB6",
            name="efficientnet_b6",
            family="EfficientNet",
            preprocessing="raw",
            default_size=528,
            min_size=32,
            feature_count=2304,
            parameters=40_960_143,
            top1=0.84,
            paper="https://arxiv.org/abs/1905.11946",
        ),
        application(
            "EfficientNetB7",
            name="efficientnet_b7",
            family="EfficientNet",
            preprocessing="raw",
            default_size=600,
            min_size=32,
            feature_count=2560,
            parameters=64_097_687,
            top1=0.843,
            paper="https://arxiv.org/abs/1905.11946",
        ),
    ]
