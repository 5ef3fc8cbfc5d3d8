"""What models are made of, so that weights of one can stand in another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import keras
import numpy as np

from tlkit._keras.graph import Graph, Step, leaves
from tlkit.combining.members import Member
from tlkit.errors import CombiningError, CutError
from tlkit.features.fingerprint import effective_settings


@dataclass(frozen=True)
class Layout:
    """What a step of a graph computes, but for its weights.

    Args:
        layers: Class and settings of the layer, or of those of a model that stays whole; without
            names, seeds, initializers and all else that a built model does not use.
        inputs: Which steps it takes its inputs from; -1 for the model's own input.
    """

    layers: tuple[tuple[str, Any], ...]
    inputs: tuple[int, ...]

    def __str__(self) -> str:
        layers = (f"{kind}({_shown(settings)})" for kind, settings in self.layers)
        return f"{' + '.join(layers)} behind {list(self.inputs)}"


def layouts(graph: Graph) -> Iterator[Layout]:
    """Yield what each step computes."""
    makers = {id(graph.source): -1}
    for number, step in enumerate(graph.steps):
        layers = tuple(map(_made_as, leaves(step.operation)))
        yield Layout(layers, tuple(makers[id(tensor)] for tensor in step.inputs))
        makers.update((id(tensor), number) for tensor in keras.tree.flatten(step.output))


def _made_as(layer: Any) -> tuple[str, Any]:
    kind = type(layer).__name__
    # How much was dropped in training has no part in what a trained model computes.
    return kind, {} if kind.endswith("Dropout") else effective_settings(layer.get_config())


def require_one_architecture(members: Sequence[Member]) -> None:
    """Raise where weights of one model cannot stand in another.

    Raises:
        CombiningError: Their classes are in another order, or their layers or sizes differ.
    """
    first, *others = members
    known = list(layouts(first.graph))
    for other in others:
        words = f"{first.name!r} and {other.name!r}"
        if other.class_names != first.class_names:
            raise CombiningError(
                f"{words} have the same classes in another order, so that their weights mean "
                "different things. Train them with one class_names=, or average their "
                "probabilities with tlkit.ensemble, which matches classes by name."
            )
        if other.contract.image_size != first.contract.image_size:
            raise CombiningError(
                f"{words} take pictures of {_size(first)} and {_size(other)} pixels: weights "
                "learned at one size do not serve at another. Give tlkit.ensemble both."
            )
        difference = _difference(known, list(layouts(other.graph)), first, other)
        if difference:
            raise CombiningError(
                f"{words} are of different architectures: {difference}. Weights are averaged of "
                "models that have the same layers; tlkit.ensemble takes any."
            )


def shared_trunk(members: Sequence[Member]) -> str | None:
    """Return the last cut point up to which all models compute the same; None where there is none.

    Returns:
        Name of a layer of the first model, as `tlkit._keras.graph.split` takes it. Behind it lies
        the same number of steps in the others.
    """
    graphs = [member.graph for member in members]
    rows = zip(*(zip(layouts(graph), graph.steps, strict=True) for graph in graphs), strict=False)
    same = sum(1 for _ in takewhile(_is_same, rows))
    try:
        points = [[point for point in graph.cut_points if point.index < same] for graph in graphs]
    except CutError:  # a model that cannot be cut shares nothing
        return None
    places = set.intersection(*({point.index for point in each} for each in points))
    return next((p.name for p in reversed(points[0]) if p.index in places), None)


def _is_same(row: Sequence[tuple[Layout, Step]]) -> bool:
    (layout, step), *others = row
    return all(layout == other for other, _ in others) and all(
        np.array_equal(np.asarray(a), np.asarray(b))
        for _, other in others
        for a, b in zip(_weights(step), _weights(other), strict=True)
    )


def _weights(step: Step) -> list[Any]:
    return [w for layer in leaves(step.operation) for w in getattr(layer, "weights", ())]


def _difference(known: list[Layout], found: list[Layout], first: Member, other: Member) -> str:
    for number, (one, two) in enumerate(zip(known, found, strict=False), 1):
        if one != two:
            return f"step {number} is {_told(one, two)}, and {_told(two, one)}"
    if len(known) != len(found):
        return f"{len(known)} and {len(found)} steps"
    shapes = [[tuple(w.shape) for w in member.model.weights] for member in (first, other)]
    return "" if shapes[0] == shapes[1] else "their weights have different shapes"


def _told(layout: Layout, other: Layout) -> str:
    """Return a step for people: only what it has and the other has not."""
    if [kind for kind, _ in layout.layers] != [kind for kind, _ in other.layers]:
        return " + ".join(kind for kind, _ in layout.layers)
    for (kind, settings), (_, others) in zip(layout.layers, other.layers, strict=True):
        if settings != others:
            mine = {key: value for key, value in settings.items() if others.get(key) != value}
            return f"{kind}({_shown(mine)})"
    return f"{layout.layers[-1][0]} of steps {[place + 1 for place in layout.inputs]}"


def _shown(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in settings.items())


def _size(member: Member) -> str:
    height, width = member.contract.image_size
    return f"{height} x {width}"
