"""What tlkit's entry point loads: the three backbones as data, and no framework."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import tlkit
from tlkit import BackboneSpec
from tlkit_efficientnet_lite.variants import HEAD_FILTERS, VARIANTS, Variant

if TYPE_CHECKING:
    import keras

_TABLE = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite"


@tlkit.hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return the specs of EfficientNet-Lite 0, 1 and 2."""
    return [_spec(variant) for variant in VARIANTS]


def _spec(variant: Variant) -> BackboneSpec:
    return BackboneSpec(
        name=variant.name,
        family="EfficientNet-Lite",
        build=partial(_build, variant),
        preprocessing="tf",
        default_size=variant.size,
        min_size=32,
        feature_count=HEAD_FILTERS,
        parameters=variant.parameters,
        weights=("imagenet",),
        weights_license="Apache-2.0",
        top1=variant.top1,
        top1_source=_TABLE,
        paper="https://arxiv.org/abs/1905.11946",
    )


def _build(variant: Variant, input_tensor: Any, weights: str | None) -> keras.Model:
    from tlkit_efficientnet_lite.models import build_features

    return build_features(variant, input_tensor, weights)
