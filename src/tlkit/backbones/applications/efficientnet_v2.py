"""EfficientNetV2 B0 to B3, S, M and L of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("EfficientNetV2B0", "efficientnet_v2_b0", 224, 1280, 5_919_312, top1=0.787),
    Application("EfficientNetV2B1", "efficientnet_v2_b1", 240, 1280, 6_931_124, top1=0.798),
    Application("EfficientNetV2B2", "efficientnet_v2_b2", 260, 1408, 8_769_374, top1=0.805),
    Application("EfficientNetV2B3", "efficientnet_v2_b3", 300, 1536, 12_930_622, top1=0.82),
    Application("EfficientNetV2S", "efficientnet_v2_s", 384, 1280, 20_331_360, top1=0.839),
    Application("EfficientNetV2M", "efficientnet_v2_m", 480, 1280, 53_150_388, top1=0.853),
    Application("EfficientNetV2L", "efficientnet_v2_l", 480, 1280, 117_746_848, top1=0.857),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.efficientnet_v2."""
    return specs(
        _NETWORKS,
        family="EfficientNetV2",
        preprocessing="raw",
        min_size=32,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/2104.00298",
    )
