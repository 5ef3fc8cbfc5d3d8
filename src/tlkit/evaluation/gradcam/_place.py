"""Which feature map of a model is asked: the last one that tells where something is."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from tlkit._keras.graph import Graph, Step
from tlkit._keras.types import Tensor
from tlkit.errors import EvaluationError

# What only moves or surrounds the places of the map before it.
_PADDING = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D)
# What has weights, and learns nothing of what is in a picture.
_STATISTICS = (keras.layers.Normalization, keras.layers.Rescaling)

Grid = tuple[int, int]


def place_of_map(graph: Graph, layer: str | None) -> tuple[Step, Grid | None]:
    """Return the step whose output is the feature map; of tokens in a row, with their grid.

    Args:
        graph: Of the model.
        layer: Whose output; None takes the last one that has weights before it and is no padding.

    Raises:
        EvaluationError: There is none, or what follows it works on tokens that are no grid.
    """
    if layer is not None:
        named = [place for place in _places(graph) if place[0].operation.name == layer]
        if not named:
            raise _no_map(graph, layer)
        return named[-1]
    learned = _first_with_weights(graph)
    later = [(step, grid) for step, grid in _places(graph) if graph.steps.index(step) >= learned]
    found = [place for place in later if not isinstance(place[0].operation, _PADDING)]
    if not found:
        raise _no_map(graph, None)
    _refuse_tokens(graph, found[-1][0])
    return found[-1]


def _places(graph: Graph) -> Iterator[tuple[Step, Grid | None]]:
    """Yield the steps with a feature map through which everything flows, in order."""
    grid: tuple[int | None, ...] = ()
    for step in (graph.steps[index] for index in graph.bottlenecks):
        shape = _shape(step.output)
        if _is_map(step.output):
            grid = shape[1:3]
            yield step, None
        elif len(shape) == 3 and len(grid) == 2 and shape[-1] is not None:
            height, width = grid
            if height is not None and width is not None and shape[1] == height * width:
                yield step, (height, width)


def _first_with_weights(graph: Graph) -> int:
    for index, step in enumerate(graph.steps):
        operation = step.operation
        if getattr(operation, "weights", None) and not isinstance(operation, _STATISTICS):
            return index
    return len(graph.steps)


def _refuse_tokens(graph: Graph, found: Step) -> None:
    """Refuse a map whose places what follows mixes with others, such as a class token."""
    after = graph.steps[graph.steps.index(found) + 1 :]
    flowing = {id(graph.steps[index]) for index in graph.bottlenecks}
    for step in after:
        shape = _shape(step.output)
        if id(step) in flowing and len(shape) == 3 and shape[1] != 1:
            raise EvaluationError(
                f"{graph.name!r} goes on from its last feature map, {found.operation.name!r}, with "
                f"{shape[1]} tokens ({step.operation.name!r}) that are no grid of its places, "
                "such as those with a class token: Grad-CAM cannot say where a class is seen. "
                f"Name layer={found.operation.name!r} to ask that map all the same."
            )


def _is_map(output: Tensor) -> bool:
    shape = _shape(output)
    return len(shape) == 4 and shape[-1] is not None and shape[1:3] != (1, 1)


def _shape(output: Tensor) -> tuple[int | None, ...]:
    return tuple(getattr(output, "shape", ()))


def _no_map(graph: Graph, layer: str | None) -> EvaluationError:
    known = [step.operation.name for step in graph.steps if _is_map(step.output)]
    listed = f"{', '.join(known[-5:])} (the last of {len(known)})" if known else "none"
    if layer is None:
        return EvaluationError(
            f"{graph.name!r} has no feature map of shape (n, h, w, channels) through which "
            "everything flows and that has weights before it; layers with a feature map: "
            f"{listed}."
        )
    return EvaluationError(
        f"layer={layer!r} gives no feature map of {graph.name!r} through which everything flows; "
        f"layers with one: {listed}."
    )
