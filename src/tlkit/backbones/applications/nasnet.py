"""NASNet of keras.applications."""

from __future__ import annotations

from typing import Any

from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.applications.application import Application, specs
from tlkit.backbones.spec import BackboneSpec

_NETWORKS = (
    Application("NASNetMobile", "nasnet_mobile", 224, 1056, 4_269_716, top1=0.744),
    Application("NASNetLarge", "nasnet_large", 331, 4032, 84_916_818, top1=0.825),
)


@hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the backbones of keras.applications.nasnet."""
    return specs(
        _NETWORKS,
        family="NASNet",
        preprocessing="tf",
        min_size=32,
        weights_license="Apache-2.0",
        paper="https://arxiv.org/abs/1707.07012",
        build=_build,
    )


def _build(class_name: str, input_tensor: Any, weights: str | None) -> Any:
    import keras

    # With an input_shape that is not its default, NASNet refuses its ImageNet weights, though
    # they fit: the size is left to input_tensor.
    factory = getattr(keras.applications, class_name)
    return factory(include_top=False, weights=weights, input_tensor=input_tensor)
