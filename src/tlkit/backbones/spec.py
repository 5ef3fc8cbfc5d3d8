"""What is known about a backbone without loading a framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tlkit._plugins.hooks import hookspec
from tlkit.errors import PluginError

PREPROCESSING = ("caffe", "tf", "torch", "unit", "raw")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """A backbone as data: how to build it and what it expects.

    Args:
        name: Snake case, unique among all installed plugins, for example ``"mobilenet_v2"``.
        family: The architecture that it belongs to, for example ``"MobileNet"``.
        build: ``build(input_tensor, weights) -> keras.Model``. ``input_tensor`` is a symbolic
            float32 tensor of shape ``(None, height, width, 3)``, RGB, in the range that
            ``preprocessing`` names; ``weights`` is one of ``weights`` below, or None for random
            ones. The model runs from the source of ``input_tensor`` to a feature map of shape
            ``(None, h, w, feature_count)``, or to pooled features ``(None, feature_count)``.
            Import the framework inside the function, so that listing stays instant.
        preprocessing: What the network was trained on. ``"caffe"``: BGR minus the ImageNet mean;
            ``"tf"``: [-1, 1]; ``"torch"``: ImageNet mean and standard deviation; ``"unit"``:
            [0, 1]; ``"raw"``: 0..255, the network scales by itself.
        default_size: Side in pixels that the published weights were trained with.
        min_size: Smallest side in pixels that the architecture accepts.
        feature_count: Channels of the last feature map.
        parameters: Weights of the network without its classification top.
        weights: Names that ``build`` accepts for pretrained weights, such as ``("imagenet",)``;
            none where there are none.
        weights_license: Licence of the pretrained weights, as an SPDX identifier or in words.
        top1: ImageNet top-1 accuracy in 0..1 where published, else None.
        top1_source: Where ``top1`` was published.
        paper: Address of the paper.
        aliases: Other names that are accepted, for example the Keras class name.
        distribution: The installed distribution that provides it; tlkit fills this in.
        plugin: The entry point that provides it; tlkit fills this in.

    Raises:
        PluginError: A field is not what is described above; the message names it.
    """

    name: str
    family: str
    build: Callable[[Any, str | None], Any] = field(repr=False)
    preprocessing: str
    default_size: int
    min_size: int
    feature_count: int
    parameters: int
    weights: tuple[str, ...] = ()
    weights_license: str = ""
    top1: float | None = None
    top1_source: str = ""
    paper: str = ""
    aliases: tuple[str, ...] = ()
    distribution: str = ""
    plugin: str = ""

    def __post_init__(self) -> None:
        _require(
            isinstance(self.name, str) and bool(_NAME.fullmatch(self.name)),
            self,
            "name",
            "snake case such as 'my_net_b0'",
        )
        _require(callable(self.build), self, "build", "a function build(input_tensor, weights)")
        _require(
            self.preprocessing in PREPROCESSING,
            self,
            "preprocessing",
            f"one of {', '.join(PREPROCESSING)}",
        )
        for name in ("default_size", "min_size", "feature_count", "parameters"):
            value = getattr(self, name)
            _require(isinstance(value, int) and value > 0, self, name, "a positive integer")
        _require(
            self.min_size <= self.default_size,
            self,
            "min_size",
            f"at most default_size={self.default_size}",
        )


def _require(holds: bool, spec: BackboneSpec, name: str, expected: str) -> None:
    if not holds:
        raise PluginError(
            f"BackboneSpec {spec.name!r}: {name}={getattr(spec, name)!r}, expected {expected}. "
            "Correct the plugin that provides it."
        )


class BackboneHooks:
    """The hook that tlkit calls on every plugin of the entry-point group ``tlkit.backbones``."""

    @hookspec
    def tlkit_backbones(self) -> Iterable[BackboneSpec]:
        """Return the backbones that this plugin provides.

        Called once, when backbones are first listed or looked up. Import no framework here.
        """
        raise NotImplementedError
