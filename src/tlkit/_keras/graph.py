"""Cut points of a model, and a model cut in two: trunk and tail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tlkit.errors import CutError


@dataclass(frozen=True)
class CutPoint:
    """A place where a single tensor carries everything from the input to the output.

    Args:
        name: The layer whose output that tensor is.
        index: Position of that layer in ``model.operations``, which is in topological order.
        shape: Shape of the tensor without its batch axis; None where it is not fixed.
    """

    name: str
    index: int
    shape: tuple[int | None, ...]

    @property
    def floats(self) -> int | None:
        """Numbers for each image, or None where the shape is not fixed."""
        sides = [side for side in self.shape if side is not None]
        return math.prod(sides) if len(sides) == len(self.shape) else None


def cut_points(model: Any) -> tuple[CutPoint, ...]:
    """Return every cut point of a Functional model, from the input to the output.

    In topological order, an operation is a cut point where no edge jumps over it: then every
    path from input to output passes through it (it dominates the output). The input and the output
    themselves are none, as there would be nothing before or behind them.

    Args:
        model: A built keras.Model with one input and one output. A keras.Sequential in it stays
            whole; other nested models are refused.

    Raises:
        CutError: The model's graph is not one that can be cut; says why.

    Example:
        >>> import tlkit.testing
        >>> from tlkit._keras.graph import cut_points
        >>> [point.name for point in cut_points(tlkit.testing.tiny_model())][:3]
        ['preprocess', 'stem_conv', 'stem_bn']
    """
    operations = _operations(model)
    furthest = _furthest_consumers(model, operations)
    points = []
    reach = 0
    for index, operation in enumerate(operations[:-1]):
        if 0 < index >= reach and not isinstance(operation.output, (list, tuple, dict)):
            points.append(CutPoint(operation.name, index, tuple(operation.output.shape[1:])))
        reach = max(reach, furthest[index])
    return tuple(points)


def split(model: Any, at: str) -> tuple[Any, Any]:
    """Cut a model in two that share its layers: ``tail(trunk(x))`` equals ``model(x)``.

    Args:
        model: A built Functional keras.Model.
        at: Name of the layer after which to cut; one of `cut_points`.

    Returns:
        Trunk and tail, both keras.Model. They hold the model's own layers, not copies: training
        the tail trains the model.

    Raises:
        CutError: There is no cut point of that name.
    """
    import keras

    points = cut_points(model)
    names = [point.name for point in points]
    if at not in names:
        known = f"run from {names[0]!r} to {names[-1]!r}" if names else "are none at all"
        raise CutError(
            f"{model.name!r} has no cut point {at!r}. Its {len(names)} cut points {known}; "
            "tlkit._keras.graph.cut_points(model) lists them."
        )
    tensor = model.operations[points[names.index(at)].index].output
    trunk = keras.Model(model.inputs[0], tensor, name=f"{model.name}_trunk")
    return trunk, keras.Model(tensor, model.outputs[0], name=f"{model.name}_tail")


def _operations(model: Any) -> list[Any]:
    import keras

    if not hasattr(model, "operations") or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise CutError(
            f"{model.name!r} is not a Functional model with one input and one output, so it "
            "cannot be cut into trunk and tail."
        )
    # A Sequential, of which ConvNeXt's stem is one, is cut around: it stays whole.
    nested = [
        op.name
        for op in model.operations
        if isinstance(op, keras.Model) and not isinstance(op, keras.Sequential)
    ]
    if nested:
        raise CutError(
            f"{model.name!r} holds the model {nested[0]!r} as a layer, so its inside cannot be "
            "cut. Build it on the outer input instead, for example with "
            "keras.applications.Xception(input_tensor=x)."
        )
    return list(model.operations)


def _furthest_consumers(model: Any, operations: list[Any]) -> list[int]:
    """Return for each operation the position of the last one that reads its output."""
    import keras

    position = {
        id(tensor): index
        for index, operation in enumerate(operations)
        for tensor in keras.tree.flatten(operation.output)
    }
    if id(model.outputs[0]) not in position:
        raise _used_twice(model, operations[-1])
    furthest = list(range(len(operations)))
    for index, operation in enumerate(operations):
        for tensor in [] if index == 0 else keras.tree.flatten(operation.input):
            if id(tensor) not in position:
                raise _used_twice(model, operation)
            furthest[position[id(tensor)]] = index
    return furthest


def _used_twice(model: Any, operation: Any) -> CutError:
    """A layer's second use is where Keras shows a tensor that is not its first output."""
    return CutError(
        f"{model.name!r} uses a layer in more than one place or model, seen at {operation.name!r}, "
        "so it cannot be cut into trunk and tail. Build it afresh, with a layer for each place."
    )
