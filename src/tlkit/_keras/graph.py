"""A model's graph, inner models laid open: its cut points, and the model cut in two at one.

What can be laid open can be cut: a network that is one layer of the model, as in Keras's own guide
to transfer learning, is cut inside. Trunk and tail hold the model's own layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tlkit._keras._steps import Step as Step, can_be_read, flat_steps
from tlkit._keras.layers import leaf_layers
from tlkit._keras.types import Model, Operation
from tlkit.errors import CutError


@dataclass(frozen=True)
class CutPoint:
    """A place where a single tensor carries everything from the input to the output.

    Args:
        name: The layer whose output that tensor is.
        index: Position of that layer's call in ``Graph.steps``, which is in topological order.
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


@dataclass(frozen=True)
class Graph:
    """A model as a flat list of steps between one input tensor and one output tensor.

    Args:
        name: The model's.
        source: The symbolic input tensor; the model's own where nothing had to be laid open.
        steps: The calls of layers and operations in topological order.
        output: The symbolic output tensor.
    """

    name: str
    source: Any
    steps: tuple[Step, ...]
    output: Any

    @classmethod
    def of(cls, model: Model, *, inner: bool = True) -> Graph:
        """Read a model's graph.

        Args:
            model: A built keras.Model, Functional or Sequential, with one input and one output.
            inner: Whether models that it holds as layers are laid open, those in them too. One
                stays whole where it has several inputs or outputs, a ``call`` of its own, or a
                layer whose name occurs elsewhere in the model.

        Raises:
            CutError: The model is of another kind.
        """
        if not can_be_read(model):
            raise CutError(
                f"{model.name!r} is not a Functional or Sequential model with one input and one "
                "output, so it cannot be cut into trunk and tail."
            )
        return cls(model.name, *flat_steps(model, inner=inner))

    @cached_property
    def bottlenecks(self) -> tuple[int, ...]:
        """Positions of the steps through whose single output everything flows, but for the last.

        In topological order these are the steps that no edge jumps over: then every path from
        input to output passes through them (they dominate the output).
        """
        import keras

        furthest = {id(x): index for index, step in enumerate(self.steps) for x in step.inputs}
        reach = furthest.get(id(self.source), 0)
        found = []
        for index, step in enumerate(self.steps[:-1]):
            if index >= reach and not isinstance(step.output, (list, tuple, dict)):
                found.append(index)
            outputs = keras.tree.flatten(step.output)
            reach = max(reach, *(furthest.get(id(x), index) for x in outputs))
        return tuple(found)

    @cached_property
    def cut_points(self) -> tuple[CutPoint, ...]:
        """Every cut point, from the input to the output.

        The input and the output themselves are none, as there would be nothing before or behind
        them.

        Raises:
            CutError: A layer is used twice, or a model inside has a ``call`` of its own.
        """
        self._check()
        steps = [(index, self.steps[index]) for index in self.bottlenecks]
        return tuple(
            CutPoint(step.operation.name, index, tuple(step.output.shape[1:]))
            for index, step in steps
        )

    def trunk(self, at: str) -> Any:
        """Return the model from the input to a cut point.

        Args:
            at: Name of the layer after which to cut; one of `cut_points`.

        Raises:
            CutError: There is no cut point of that name.
        """
        import keras

        return keras.Model(self.source, self._tensor(at), name=f"{self.name}_trunk")

    def tail(self, at: str) -> Any:
        """Return the model from a cut point to the output.

        Keras adds the calls from there on to the layers' memory, each time anew.

        Args:
            at: As for `trunk`.

        Raises:
            CutError: There is no cut point of that name.
        """
        import keras

        return keras.Model(self._tensor(at), self.output, name=f"{self.name}_tail")

    def _tensor(self, at: str) -> Any:
        points = {point.name: point for point in self.cut_points}
        if at not in points:
            names = list(points)
            known = f"run from {names[0]!r} to {names[-1]!r}" if names else "are none at all"
            raise CutError(
                f"{self.name!r} has no cut point {at!r}. Its {len(names)} cut points {known}; "
                "tlkit._keras.graph.cut_points(model) lists them."
            )
        return self.steps[points[at].index].output

    def _check(self) -> None:
        import keras

        seen: set[int] = set()
        for step in self.steps:
            operation = step.operation
            if isinstance(operation, keras.Model) and not can_be_read(operation):
                raise CutError(
                    f"{self.name!r} holds the model {operation.name!r} as a layer, and that is not "
                    "a Functional or Sequential model with one input and one output, so it cannot "
                    "be cut. Build it of Keras layers, as keras.Model(inputs, outputs)."
                )
            for leaf in leaves(operation):
                if id(leaf) in seen:
                    raise CutError(
                        f"{self.name!r} uses the layer {leaf.name!r} in more than one place, so it "
                        "cannot be cut into trunk and tail. Build it afresh, with a layer for each "
                        "place."
                    )
                seen.add(id(leaf))


def cut_points(model: Model) -> tuple[CutPoint, ...]:
    """Return every cut point of a model; see `Graph.cut_points`.

    Example:
        >>> import tlkit.testing
        >>> from tlkit._keras.graph import cut_points
        >>> [point.name for point in cut_points(tlkit.testing.tiny_model())][:3]
        ['preprocess', 'stem_conv', 'stem_bn']
    """
    return Graph.of(model).cut_points


def split(model: Model, at: str) -> tuple[Any, Any]:
    """Cut a model in two that share its layers: ``tail(trunk(x))`` equals ``model(x)``.

    Args:
        model: As for `Graph.of`.
        at: Name of the layer after which to cut; one of `cut_points`.

    Returns:
        Trunk and tail, both keras.Model. They hold the model's own layers, not copies, so training
        the tail trains the model.

    Raises:
        CutError: There is no cut point of that name.
    """
    graph = Graph.of(model)
    return graph.trunk(at), graph.tail(at)


def leaves(operation: Operation) -> list[Any]:
    """Return the layers in a step: those of a model that stays whole, or the step's own."""
    import keras

    return list(leaf_layers(operation)) if isinstance(operation, keras.Model) else [operation]
