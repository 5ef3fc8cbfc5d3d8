"""Classes of keras.applications as backbones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tlkit.backbones.spec import BackboneSpec

_TOP1 = "https://keras.io/api/applications/"


@dataclass(frozen=True)
class Application:
    """What differs between the classes of one keras.applications module.

    Args:
        class_name: Keras's name, for example ``"DenseNet121"``; accepted as an alias.
        name: tlkit's name.
        default_size: Side in pixels that the published weights were trained with.
        feature_count: Channels of the last feature map.
        parameters: Weights of the network without its top.
        top1: ImageNet top-1 accuracy in 0..1.
    """

    class_name: str
    name: str
    default_size: int
    feature_count: int
    parameters: int
    top1: float


def build_application(class_name: str, input_tensor: Any, weights: str | None) -> Any:
    """Build a keras.applications class without its top on an input tensor."""
    import keras

    # MobileNet and MobileNetV2 pick their weights file by input_shape, not by input_tensor.
    return getattr(keras.applications, class_name)(
        include_top=False,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_tensor.shape[1:],
    )


def specs(
    networks: Iterable[Application],
    *,
    build: Callable[[str, Any, str | None], Any] = build_application,
    top1_source: str = _TOP1,
    **shared: Any,
) -> list[BackboneSpec]:
    """Return the specs of one keras.applications module.

    Args:
        networks: What differs between its classes.
        build: ``build(class_name, input_tensor, weights) -> keras.Model``.
        top1_source: Where their top-1 accuracies are published.
        **shared: The fields of `BackboneSpec` that its classes have in common.
    """
    return [
        BackboneSpec(
            name=network.name,
            build=partial(build, network.class_name),
            default_size=network.default_size,
            feature_count=network.feature_count,
            parameters=network.parameters,
            weights=("imagenet",),
            top1=network.top1,
            top1_source=top1_source,
            aliases=(network.class_name,),
            **shared,
        )
        for network in networks
    ]
