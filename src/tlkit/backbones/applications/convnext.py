"""ConvNeXt of keras.applications."""

from __future__ import annotations

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("ConvNeXtTiny", "convnext_tiny", 224, 768, 27_820_128, top1=0.813),
    Application("ConvNeXtSmall", "convnext_small", 224, 768, 49_454_688, top1=0.823),
    Application("ConvNeXtBase", "convnext_base", 224, 1024, 87_566_464, top1=0.853),
    Application("ConvNeXtLarge", "convnext_large", 224, 1536, 196_230_336, top1=0.863),
    Application("ConvNeXtXLarge", "convnext_xlarge", 224, 2048, 348_147_968, top1=0.867),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.convnext."""
    return specs(
        _NETWORKS,
        family="ConvNeXt",
        preprocessing="raw",
        min_size=32,
        weights_license="MIT",
        paper="https://arxiv.org/abs/2201.03545",
    )
