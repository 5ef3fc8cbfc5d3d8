"""A Keras model whose softmax is that of its logits divided by a temperature."""

from __future__ import annotations

from typing import Any

import keras

from tlkit.errors import EvaluationError
from tlkit.evaluation.calibration.temperature_scaling import SMALLEST


def check_softmax(model: Any) -> None:
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


def with_temperature(model: Any, temperature: float) -> Any:
    """A new model, of stock Keras layers, that shares all layers but the last with the model.

    Where the model ends in a softmax of its own graph, that is put behind ``Rescaling(1 / T)``.
    Anything else, such as a model nested in a model, is called as it is, and the temperature works
    on the logarithm of its probabilities, from which the softmax gives the same.

    Args:
        model: Gives probabilities (n, classes).
        temperature: T, above 0.

    Returns:
        A ``keras.Model`` with the same inputs, float32 probabilities.
    """
    given = _logits(model)
    if given is None:
        given = keras.Input(batch_shape=model.input_shape, dtype=model.inputs[0].dtype)
        inputs, probabilities = given, model(given)
        known = keras.ops.maximum(keras.ops.cast(probabilities, "float32"), SMALLEST)
        logits = keras.ops.log(known)
    else:
        inputs, logits = model.inputs, given
    # float32 also under mixed precision: a softmax in float16 loses small probabilities.
    scaled = keras.layers.Rescaling(1 / temperature, name="temperature", dtype="float32")(logits)
    output = keras.layers.Softmax(name="calibrated_probabilities", dtype="float32")(scaled)
    return keras.Model(inputs, output, name=f"{model.name}_calibrated")


def _logits(model: Any) -> Any:
    """The tensor before the model's softmax, or None where it is not in the model's own graph."""
    last = _operations(model)[-1]
    try:
        own = model.outputs[0] is last.output
        given = last.input
    except (AttributeError, ValueError):  # a subclassed model, or a layer that is called twice
        return None
    if not own or _ending(last) != "softmax" or isinstance(given, (list, tuple, dict)):
        return None
    if isinstance(last, keras.layers.Dense):
        # The same layer without its softmax, as a copy: the model must stay as it is.
        plain = keras.layers.Dense.from_config({**last.get_config(), "activation": "linear"})
        logits = plain(given)
        plain.set_weights(last.get_weights())
        return logits
    over_classes = getattr(last, "axis", -1) in (-1, 1)
    simple = type(last).__name__ in ("Softmax", "Activation")  # a layer, or keras.ops.softmax
    return given if simple and over_classes else None


def _operations(model: Any) -> Any:
    """The layers of a model, and where it knows them the functions of keras.ops between them."""
    return getattr(model, "operations", None) or model.layers


def _last(model: Any) -> Any:
    """What a model ends with, also of a model that ends in a model."""
    last = model
    while isinstance(last, keras.Model) and _operations(last):
        last = _operations(last)[-1]
    return last


def _ending(operation: Any) -> str | None:
    """Name of the activation, or None where there is none that is known."""
    if type(operation).__name__ == "Softmax":
        return "softmax"
    activation = getattr(operation, "activation", None)
    name = None if activation is None else keras.activations.serialize(activation)
    return name if isinstance(name, str) else None
