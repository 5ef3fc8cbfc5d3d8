"""A model cut at a feature map: what comes before it, and what follows, without the softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlkit.errors import EvaluationError

# Of what a model can end with, these turn scores into probabilities.
_PROBABILITIES: dict[str, Callable[[Any], Any]] = {
    "softmax": keras.ops.softmax,
    "sigmoid": keras.ops.sigmoid,
}
_TOLERANCE = 1e-2  # of probabilities; a wrong cut is far off, half precision is not


@dataclass(frozen=True)
class Cut:
    """A model in two parts that share its layers.

    Args:
        layer: Name of the layer whose output is the feature map.
        shape: Of the feature map: height, width, channels.
        before: keras.Model from images to the feature map.
        after: keras.Model from the feature map to the scores.
        ending: Name of what turns scores into probabilities; "linear" where nothing does.
    """

    layer: str
    shape: tuple[int, int, int]
    before: Any
    after: Any
    ending: str

    def features(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Feature maps (n, h, w, k) of images (n, height, width, 3)."""
        return _array(self.before(images, training=False))

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (n, classes) before the softmax."""
        return _array(self.after(features, training=False))

    def following(self, features: Any) -> Any:
        """The scores as the backend's tensor, so that they can be differentiated."""
        return self.after(features, training=False)


@dataclass(frozen=True)
class _Step:
    """One operation of a model: what went in first, and what came out, as symbolic tensors."""

    operation: Any
    given: Any
    output: Any


def cut_at_features(model: Any, image: NDArray[Any], layer: str | None = None) -> Cut:
    """Cut a model at a feature map.

    Args:
        model: A built keras.Model with one input and one output, Functional or Sequential; it may
            hold others as layers.
        image: One image, (1, height, width, 3), with which the cut is checked.
        layer: Whose output; None takes the last feature map of more than one place.

    Raises:
        EvaluationError: There is no such layer or feature map, or the model cannot be cut.
    """
    source, steps = _steps(model)
    scores, ending = _scores(steps[-1])
    for step in reversed(steps):
        if layer not in (None, step.operation.name) or not _is_map(step.output):
            continue
        try:
            after = keras.Model(step.output, scores)
        except ValueError:  # a path runs past it: not everything flows through this tensor
            continue
        height, width, channels = _fixed(step.output, image, source)
        before = keras.Model(source, step.output)
        cut = Cut(step.operation.name, (height, width, channels), before, after, ending)
        _check(cut, model, image)
        return cut
    raise _no_map(model, steps, layer)


def _steps(model: Any) -> tuple[Any, list[_Step]]:
    """The model's input and its operations in topological order, those of inner models too."""
    if not model.built or len(model.inputs or ()) != 1 or len(model.outputs or ()) != 1:
        raise EvaluationError(
            f"{model.name!r} is not a built Functional or Sequential model with one input and one "
            "output, so it cannot be cut at a feature map."
        )
    operations = list(getattr(model, "operations", ()))
    inner = any(isinstance(operation, keras.Model) for operation in operations)
    if operations and not inner and operations[-1].output is model.outputs[0]:
        # Nothing is called anew: the model's own tensors will do.
        return model.inputs[0], [_Step(op, op.input, op.output) for op in operations[1:]]
    return _laid_open(model)


def _laid_open(model: Any) -> tuple[Any, list[_Step]]:
    """The same as one flat graph, in which every layer is called once more on new tensors."""
    steps: list[_Step] = []

    def call(layer: Any, *given: Any, **more: Any) -> Any:
        tensors = keras.tree.flatten(given)
        single = len(tensors) == 1 and keras.backend.is_keras_tensor(tensors[0])
        if isinstance(layer, keras.Sequential) and single:
            (output,) = tensors
            for inner in layer.layers:
                if not isinstance(inner, keras.layers.InputLayer):
                    output = call(inner, output)
            return output
        if isinstance(layer, keras.Model) and hasattr(layer, "operations") and single:
            # Only its calls are of use: the clone itself is on tensors of its own.
            keras.models.clone_model(
                layer,
                _as_input(layer, tensors[0]),
                clone_function=lambda same: same,
                call_function=call,
            )
            return steps[-1].output
        output = layer(*given, **more)
        steps.append(_Step(layer, given[0] if given else None, output))
        return output

    shape = model.inputs[0].shape
    source = keras.Input(batch_shape=shape, dtype=model.inputs[0].dtype)
    call(model, source)
    return source, steps


def _as_input(model: Any, tensor: Any) -> Any:
    """A tensor in the structure that a model wants: one of ``inputs=[x]`` wants a list."""
    return keras.tree.pack_sequence_as(getattr(model, "input", tensor), [tensor])


def _scores(last: _Step) -> tuple[Any, str]:
    """The tensor before the softmax, and the softmax's name."""
    operation = last.operation
    if type(operation).__name__ in ("Softmax", "Sigmoid"):  # a layer, or keras.ops
        return last.given, type(operation).__name__.lower()
    activation = getattr(operation, "activation", None)
    ending = keras.activations.serialize(activation) if activation is not None else "linear"
    if ending not in _PROBABILITIES:
        return last.output, "linear"
    if isinstance(operation, keras.layers.Activation):
        return last.given, ending
    # The same layer without its activation, as a copy: the model must stay as it is.
    plain = type(operation).from_config({**operation.get_config(), "activation": "linear"})
    scores = plain(last.given)
    plain.set_weights(operation.get_weights())
    return scores, ending


def _is_map(output: Any) -> bool:
    shape = tuple(getattr(output, "shape", ()))
    return len(shape) == 4 and shape[-1] is not None and shape[1:3] != (1, 1)


def _fixed(output: Any, image: NDArray[Any], source: Any) -> tuple[int, int, int]:
    """The feature map's shape, found by running the model where it follows from the image's."""
    shape = output.shape[1:]
    if None in shape:
        shape = keras.Model(source, output)(image, training=False).shape[1:]
    height, width, channels = (int(side) for side in shape)
    return height, width, channels


def _check(cut: Cut, model: Any, image: NDArray[Any]) -> None:
    """Both parts, one after the other, must say what the whole model says."""
    scores = cut.scores(cut.features(image))
    turn = _PROBABILITIES.get(cut.ending)
    parts = scores if turn is None else _array(turn(keras.ops.convert_to_tensor(scores)))
    whole = _array(keras.tree.flatten(model(_as_input(model, image), training=False))[0])
    if not np.allclose(parts, whole, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise EvaluationError(
            f"{model.name!r} cut at {cut.layer!r} gives {parts.ravel()[:3]}, and the whole model "
            f"{whole.ravel()[:3]}. Does a layer draw random numbers at inference? Otherwise name "
            "another layer with layer=..."
        )


def _no_map(model: Any, steps: list[_Step], layer: str | None) -> EvaluationError:
    known = [step.operation.name for step in steps if _is_map(step.output)]
    listed = f"{', '.join(known[-5:])} (the last of {len(known)})" if known else "none"
    if layer is None:
        return EvaluationError(
            f"{model.name!r} has no feature map of shape (n, h, w, channels) through which "
            f"everything flows; layers with a feature map: {listed}."
        )
    return EvaluationError(
        f"layer={layer!r} gives no feature map of {model.name!r} through which everything flows; "
        f"layers with one: {listed}."
    )


def _array(tensor: Any) -> NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(tensor), np.float32)
