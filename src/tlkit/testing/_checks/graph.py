"""The model as a graph: it can be cut, saved, and loaded by those who lack the plugin."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from tlkit._keras.graph import CutPoint, Graph
from tlkit._keras.layers import operations_of
from tlkit._keras.types import Model, Operation
from tlkit.errors import CutError
from tlkit.testing.agreement import expect_same
from tlkit.testing.failure import BackboneCheckError, expect, in_short
from tlkit.testing.subject import Subject, run

CUTS = 4
# Both run the same operations in the same order, so that hardly a bit should differ.
CUT_TOLERANCE = 1e-5
SAVED_TOLERANCE = 1e-6


def trunk_and_tail(subject: Subject) -> str:
    """Require that, cut in two at places from bottom to top, it gives what it gives whole."""
    graph, points = _graph(subject.model)
    chosen = evenly_spaced(points, CUTS)
    for point in chosen:
        trunk, tail = graph.trunk(point.name), graph.tail(point.name)
        expect_same(
            run(tail, run(trunk, subject.images)),
            subject.features,
            CUT_TOLERANCE,
            f"Trunk and tail, cut at {point.name!r}, and the whole model",
            "Look for layers that draw random numbers, or that change what they hold when called.",
        )
    return f"{len(chosen)} of {len(points)} cut points"


def save_and_load(subject: Subject) -> None:
    """Require the same features once saved as ``.keras`` and loaded by plain Keras."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Those of the .keras format itself, in which a plugin's author can change nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded = _saved_and_loaded(subject.model, Path(folder) / "backbone.keras")
    expect_same(
        run(loaded, subject.images),
        subject.features,
        SAVED_TOLERANCE,
        "The features before saving and after loading",
        "Look for a layer that keeps something in an attribute that its get_config leaves out.",
    )


def stock_layers(subject: Subject) -> None:
    """Require Keras's own layers and activations: a saved model must load without the plugin."""
    foreign = [
        f"{operation.name!r} uses {_origin(part)}"
        for operation in _operations(subject.model)
        for part in (operation, getattr(operation, "activation", None))
        if part is not None and not _is_stock(part)
    ]
    more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
    expect(
        not foreign,
        f"{', '.join(foreign[:3])}{more}, expected layers that Keras ships and no Lambda. A saved "
        "model would load only where this package is installed and imported, and one with a "
        "Lambda only where Keras is told to run code from files. Compose it of stock layers.",
    )


def evenly_spaced(points: Sequence[CutPoint], count: int) -> list[CutPoint]:
    """Return at most so many of the points, the first and the last among them."""
    chosen = np.linspace(0, len(points) - 1, min(count, len(points))).round().astype(int)
    return [points[index] for index in chosen]


def _graph(model: Model) -> tuple[Graph, Sequence[CutPoint]]:
    try:
        graph = Graph.of(model)
        points = graph.cut_points
    except CutError as error:
        raise BackboneCheckError(
            f"{error}\nWithout a cut, the frozen part runs again in every epoch."
        ) from error
    expect(
        bool(points),
        "It has no cut point, no place between input and output where one tensor carries "
        "everything, expected at least one. Without it, the frozen part runs again in every epoch. "
        "Look for a connection that runs from the input past all layers.",
    )
    return graph, points


def _saved_and_loaded(model: Model, file: Path) -> Any:
    import keras

    try:
        model.save(file)
        return keras.saving.load_model(file)
    except Exception as error:
        raise BackboneCheckError(
            f"It cannot be saved as {file.name} and loaded again: {in_short(error)}\n"
            "Expected keras.saving.load_model to bring it back. Compose it of stock layers, with "
            "activations and initializers that Keras knows by name."
        ) from error


def _operations(model: Model) -> Iterator[Operation]:
    """Yield layers and operations, those inside models and wrappers too."""
    import keras

    for operation in operations_of(model):
        yield operation
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        elif isinstance(operation, keras.layers.Wrapper):
            yield operation.layer


def _is_stock(part: object) -> bool:
    import keras

    return _origin(part).startswith("keras.") and not isinstance(part, keras.layers.Lambda)


def _origin(part: object) -> str:
    """Return the full name of a function, or of the class of anything else."""
    named = part if isinstance(part, FunctionType) else type(part)
    return f"{named.__module__}.{named.__qualname__}"
