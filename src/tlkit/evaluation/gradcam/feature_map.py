"""A model cut at a feature map: what comes before it, and what follows, without the softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._keras.graph import Graph, Step
from tlkit._keras.types import Model, Tensor
from tlkit.errors import CutError, EvaluationError

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
    before: Model
    after: Model
    ending: str

    def features(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return feature maps (n, h, w, k) of images (n, height, width, 3)."""
        return _array(self.before(images, training=False))

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores (n, classes) before the softmax."""
        return _array(self.after(features, training=False))

    def following(self, features: Tensor) -> Any:
        """Return the scores as the backend's tensor, so that they can be differentiated."""
        return self.after(features, training=False)


def cut_at_features(model: Model, image: NDArray[Any], layer: str | None = None) -> Cut:
    """Cut a model at a feature map.

    Args:
        model: A built keras.Model with one input and one output, Functional or Sequential; it may
            hold others as layers.
        image: One image, (1, height, width, 3), with which the cut is checked.
        layer: Whose output; None takes the last feature map of more than one place.

    Raises:
        EvaluationError: There is no such layer or feature map, or the model cannot be cut.
    """
    graph = _graph(model)
    flowing = [graph.steps[index] for index in reversed(graph.bottlenecks)]
    maps = [step for step in flowing if _is_map(step.output)]
    step = next((step for step in maps if layer in (None, step.operation.name)), None)
    if step is None:
        raise _no_map(graph, layer)
    scores, ending = _scores(graph.steps[-1])
    height, width, channels = _fixed(step.output, image, graph.source)
    before, after = keras.Model(graph.source, step.output), keras.Model(step.output, scores)
    cut = Cut(step.operation.name, (height, width, channels), before, after, ending)
    _check(cut, model, image)
    return cut


def _graph(model: Model) -> Graph:
    try:
        return Graph.of(model)
    except CutError as error:
        raise EvaluationError(
            f"{model.name!r} is not a built Functional or Sequential model with one input and one "
            "output, so it cannot be cut at a feature map."
        ) from error


def _scores(last: Step) -> tuple[Any, str]:
    """Return the tensor before the softmax, and the softmax's name."""
    operation = last.operation
    if type(operation).__name__ in ("Softmax", "Sigmoid"):  # a layer, or keras.ops
        return last.inputs[0], type(operation).__name__.lower()
    activation = getattr(operation, "activation", None)
    ending = keras.activations.serialize(activation) if activation is not None else "linear"
    if ending not in _PROBABILITIES:
        return last.output, "linear"
    if isinstance(operation, keras.layers.Activation):
        return last.inputs[0], ending
    # The same layer without its activation, as a copy: the model must stay as it is.
    plain = type(operation).from_config({**operation.get_config(), "activation": "linear"})
    scores = plain(last.inputs[0])
    plain.set_weights(operation.get_weights())
    return scores, ending


def _is_map(output: Tensor) -> bool:
    shape = tuple(getattr(output, "shape", ()))
    return len(shape) == 4 and shape[-1] is not None and shape[1:3] != (1, 1)


def _fixed(output: Tensor, image: NDArray[Any], source: Tensor) -> tuple[int, int, int]:
    """Return the feature map's shape; where it depends on the image's, the model is run for it."""
    shape = output.shape[1:]
    if None in shape:
        shape = keras.Model(source, output)(image, training=False).shape[1:]
    height, width, channels = (int(side) for side in cast(tuple[int, ...], shape))
    return height, width, channels


def _check(cut: Cut, model: Model, image: NDArray[Any]) -> None:
    """Refuse parts that, one after the other, do not give what the whole model gives."""
    scores = cut.scores(cut.features(image))
    turn = _PROBABILITIES.get(cut.ending)
    parts = scores if turn is None else _array(turn(keras.ops.convert_to_tensor(scores)))
    # One of ``inputs=[x]`` wants a list.
    given = keras.tree.pack_sequence_as(getattr(model, "input", image), [image])
    whole = _array(keras.tree.flatten(model(given, training=False))[0])
    if not np.allclose(parts, whole, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise EvaluationError(
            f"{model.name!r} cut at {cut.layer!r} gives {parts.ravel()[:3]}, and the whole model "
            f"{whole.ravel()[:3]}. Does a layer draw random numbers at inference? Otherwise name "
            "another layer with layer=..."
        )


def _no_map(graph: Graph, layer: str | None) -> EvaluationError:
    known = [step.operation.name for step in graph.steps if _is_map(step.output)]
    listed = f"{', '.join(known[-5:])} (the last of {len(known)})" if known else "none"
    if layer is None:
        return EvaluationError(
            f"{graph.name!r} has no feature map of shape (n, h, w, channels) through which "
            f"everything flows; layers with a feature map: {listed}."
        )
    return EvaluationError(
        f"layer={layer!r} gives no feature map of {graph.name!r} through which everything flows; "
        f"layers with one: {listed}."
    )


def _array(tensor: Tensor | ArrayLike) -> NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(tensor), np.float32)
