"""A Keras model whose softmax is that of its logits divided by a temperature."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tlkit._keras.graph import Graph
from tlkit._keras.layers import operations_of
from tlkit._keras.types import Model, Operation
from tlkit.errors import CutError, EvaluationError

# float32 gives zero below about 1e-38: what was lost there is taken for this much.
SMALLEST = float(np.finfo(np.float32).tiny)


def check_softmax(model: Model) -> None:
    """Refuse a model that says of itself that it does not end in a softmax.

    What ends in something unknown is let through: its probabilities are checked where it is run.

    Raises:
        EvaluationError: It has several outputs, or its last layer's activation is another one.
    """
    shape = getattr(model, "output_shape", None)
    if not (isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[1], int)):
        raise EvaluationError(
            f"the model's output has shape {shape!r}; expected (None, classes), the probabilities "
            "of one softmax. Give the part of the model that ends there."
        )
    last = _last(model)
    ending = _ending(last)
    if ending not in (None, "softmax"):
        raise EvaluationError(
            f"the model's last layer {last.name!r} ends with {ending!r}; expected 'softmax', as a "
            "temperature divides what goes into one. For logits, add keras.layers.Softmax() first."
        )


def with_temperature(model: Model, temperature: float) -> Any:
    """Return a new model, of stock Keras layers, that shares all layers but the last.

    Where the model ends in a softmax of its own graph, that is put behind ``Rescaling(1 / T)``.
    Anything else, such as a model nested in a model, is called as it is, and the temperature works
    on the logarithm of its probabilities, from which the softmax gives the same.

    Args:
        model: Gives probabilities (n, classes).
        temperature: T, above 0.

    Returns:
        A ``keras.Model`` with the same inputs, float32 probabilities.
    """
    import keras

    graph = _own_graph(model)
    logits = _logits(graph)
    if graph is None or logits is None:
        given = keras.Input(batch_shape=model.input_shape, dtype=model.inputs[0].dtype)
        inputs, probabilities = given, model(given)
        known = keras.ops.maximum(keras.ops.cast(probabilities, "float32"), SMALLEST)
        logits = keras.ops.log(known)
    else:
        inputs = graph.source
    # float32 also under mixed precision: a softmax in float16 loses small probabilities.
    names = (_free(name, graph) for name in ("temperature", "calibrated_probabilities"))
    scaled = keras.layers.Rescaling(1 / temperature, name=next(names), dtype="float32")(logits)
    output = keras.layers.Softmax(name=next(names), dtype="float32")(scaled)
    return keras.Model(inputs, output, name=f"{model.name}_calibrated")


def _free(name: str, graph: Graph | None) -> str:
    """Return a name that no layer has, as those of a model that was calibrated before do."""
    taken = {step.operation.name for step in graph.steps} if graph is not None else set()
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(free for free in itertools.chain([name], numbered) if free not in taken)


def _logits(graph: Graph | None) -> Any:
    """Return the tensor before the model's softmax; None where its own graph lacks it."""
    last = graph.steps[-1] if graph is not None and graph.steps else None
    if last is None or len(last.inputs) != 1 or _ending(last.operation) != "softmax":
        return None
    import keras

    operation, (given,) = last.operation, last.inputs
    if isinstance(operation, keras.layers.Dense):
        # The same layer without its softmax, as a copy: the model must stay as it is.
        plain = keras.layers.Dense.from_config({**operation.get_config(), "activation": "linear"})
        logits = plain(given)
        plain.set_weights(operation.get_weights())
        return logits
    over_classes = getattr(operation, "axis", -1) in (-1, 1)
    simple = type(operation).__name__ in ("Softmax", "Activation")  # a layer, or keras.ops.softmax
    return given if simple and over_classes else None


def _own_graph(model: Model) -> Graph | None:
    """Return the model's graph, models inside it left whole: they are saved as they were built."""
    try:
        return Graph.of(model, inner=False)
    except CutError:
        return None


def _last(model: Model) -> Any:
    """Return what a model ends with, also of a model that ends in a model."""
    import keras

    last = model
    while isinstance(last, keras.Model) and operations_of(last):
        last = operations_of(last)[-1]
    return last


def _ending(operation: Operation) -> str | None:
    """Return the name of the activation, or None where there is none that is known."""
    if type(operation).__name__ == "Softmax":
        return "softmax"
    import keras

    activation = getattr(operation, "activation", None)
    name = None if activation is None else keras.activations.serialize(activation)
    return name if isinstance(name, str) else None
