"""A backbone that gives features of several depths of another one at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tlkit._keras.graph import CutPoint, Graph
from tlkit._keras.types import Model
from tlkit.backbones.build import Backbone, ImageSize, build_backbone
from tlkit.errors import CutError

# Name of the layer that puts them side by side.
CUTS = "cuts"
# So many cuts of one height and width are taken, the last ones.
_OF_ONE_SIZE = 3


@dataclass(frozen=True)
class AllCuts:
    """A function that returns a model from raw images to averaged features of several depths.

    As in Head2Toe (Evci et al., 2022), but without a selection: those of the blocks' ends are few
    enough. The model is of stock Keras layers, and its last features are the backbone's own.

    Args:
        backbone: As for `build_backbone`, and so are the others.
        image_size: Of the images.
        weights: Of the backbone.
        preprocessing: Of the images.
    """

    backbone: Backbone
    image_size: ImageSize | None = None
    weights: str | Path | None = "imagenet"
    preprocessing: str = "auto"

    def __call__(self) -> Any:
        """Build the model.

        Raises:
            CutError: There are no feature maps before the last one.
        """
        model = build_backbone(
            self.backbone,
            image_size=self.image_size,
            weights=self.weights,
            preprocessing=self.preprocessing,
        )
        return with_all_cuts(model)


def with_all_cuts(model: Model) -> Any:
    """Return a model of averaged features of several depths, which shares a backbone's layers.

    Args:
        model: A built backbone.

    Raises:
        CutError: There are no feature maps before the last one.
    """
    import keras

    graph = Graph.of(model)
    ends = [graph.steps[point.index].output for point in block_ends(graph)]
    if not ends or len(graph.output.shape) != 4:
        raise CutError(
            "cuts='all' takes a convolutional backbone, with feature maps (n, height, width, "
            f"channels) at several depths and as its output. {model.name!r} has {len(ends)} "
            f"before its output of shape {graph.output.shape}. Take cuts='last'."
        )
    average = keras.layers.GlobalAveragePooling2D
    rows = [
        average(name=f"cut_{number}")(each) for number, each in enumerate([*ends, graph.output])
    ]
    found = keras.layers.Concatenate(name=CUTS)(rows)
    return keras.Model(graph.source, found, name=f"{model.name}_all_cuts")


def block_ends(graph: Graph) -> list[CutPoint]:
    """Return the cut points at the ends of blocks, as far as their shapes say so.

    Of those of one shape it is the last, without the wider ones inside of blocks: the channels
    never become fewer again. At most three are of one height and width.
    """
    maps = (point for point in graph.cut_points if _is_map(graph, point))
    runs = [[*run][-1] for _, run in groupby(maps, key=lambda point: point.shape)]
    shape = tuple(graph.output.shape[1:])
    if runs and runs[-1].shape == shape:
        runs.pop()
    kept = [*_never_fewer(runs, shape[-1])]
    sizes = groupby(kept, key=lambda point: point.shape[:2])
    return [point for _, alike in sizes for point in [*alike][-_OF_ONE_SIZE:]]


def _never_fewer(points: list[CutPoint], least: int) -> Iterator[CutPoint]:
    """Yield the points after which there are nowhere fewer channels."""
    kept = []
    for point in reversed(points):
        channels = point.shape[-1]
        if channels is not None and channels <= least:
            least = channels
            kept.append(point)
    yield from reversed(kept)


def _is_map(graph: Graph, point: CutPoint) -> bool:
    """Say whether a point is a feature map: not the prepared picture, and not one with a margin."""
    import keras

    below = graph.steps[: point.index + 1]
    learned = any(getattr(step.operation, "weights", None) for step in below)
    margin = isinstance(below[-1].operation, keras.layers.ZeroPadding2D)
    return len(point.shape) == 3 and learned and not margin
