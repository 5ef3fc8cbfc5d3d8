"""A model cut at a feature map: what comes before it, and what follows, without the softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._keras.graph import Graph, Step
from tlkit._keras.types import Model, Tensor
from tlkit.backbones.all_cuts import CUTS
from tlkit.errors import CutError, EvaluationError
from tlkit.evaluation.gradcam._place import place_of_map

Floats = NDArray[np.float32]
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
        before: keras.Model from images to the feature map, and to what goes past it: averages of
            other depths, where the head reads them.
        after: keras.Model from the feature map, or its tokens, and from these to the scores.
        ending: Name of what turns scores into probabilities; "linear" where nothing does.
        tokens: Whether the model has the places in a row, (n, h * w, k), and not in a grid.
    """

    layer: str
    shape: tuple[int, int, int]
    before: Model
    after: Model
    ending: str
    tokens: bool = False

    @property
    def of_two(self) -> bool:
        """Whether one probability stands for two classes: its own, 1, and the other, 0."""
        return self.ending == "sigmoid" and self.after.output_shape[-1] == 1

    def features(self, images: NDArray[Any]) -> tuple[Floats, list[Floats]]:
        """Return feature maps (n, h, w, k) of images (n, height, width, 3), and what passes them.

        The latter are arrays (n, channels).
        """
        maps, *beside = map(_array, keras.tree.flatten(self.before(images, training=False)))
        return maps.reshape(len(maps), *self.shape), beside

    def scores(self, features: Floats, beside: Sequence[Floats]) -> Floats:
        """Return scores (n, classes) before the softmax."""
        return _array(self.following(*map(keras.ops.convert_to_tensor, (features, *beside))))

    def following(self, features: Tensor, *beside: Tensor) -> Any:
        """Return the scores as the backend's tensor, so that they can be differentiated."""
        if self.tokens:
            height, width, channels = self.shape
            features = keras.ops.reshape(features, (-1, height * width, channels))
        scores = self.after([features, *beside] if beside else features, training=False)
        return keras.ops.concatenate([-scores, scores], axis=-1) if self.of_two else scores


def cut_at_features(model: Model, image: NDArray[Any], layer: str | None = None) -> Cut:
    """Cut a model at a feature map.

    Args:
        model: A built keras.Model with one input and one output, Functional or Sequential; it may
            hold others as layers.
        image: One image, (1, height, width, 3), with which the cut is checked.
        layer: Whose output; None takes the last feature map of more than one place that has
            weights before it and is no mere padding.

    Raises:
        EvaluationError: There is no such layer or feature map, or the model cannot be cut.
    """
    graph = _graph(model)
    beside, last = _depths(graph)
    through = Graph.of(keras.Model(graph.source, last)) if beside else graph
    step, grid = place_of_map(through, layer)
    scores, ending = _scores(graph.steps[-1])
    flowing: Any = [step.output, *beside] if beside else step.output
    before, after = keras.Model(graph.source, flowing), keras.Model(flowing, scores)
    shape = (
        _fixed(step.output, image, graph.source) if grid is None else (*grid, step.output.shape[-1])
    )
    cut = Cut(step.operation.name, shape, before, after, ending, tokens=grid is not None)
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


def _depths(graph: Graph) -> tuple[list[Tensor], Tensor]:
    """Return the averages of all depths but the last, where a head reads them, and the last one.

    They go past the last feature map, and are held as they are.
    """
    together = [step for step in graph.steps if step.operation.name == CUTS]
    if not together:
        return [], graph.output
    *before, last = together[-1].inputs
    return before, last


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


def _fixed(output: Tensor, image: NDArray[Any], source: Tensor) -> tuple[int, int, int]:
    """Return the feature map's shape; where it depends on the image's, the model is run for it."""
    shape = output.shape[1:]
    if None in shape:
        shape = keras.Model(source, output)(image, training=False).shape[1:]
    height, width, channels = (int(side) for side in cast(tuple[int, ...], shape))
    return height, width, channels


def _check(cut: Cut, model: Model, image: NDArray[Any]) -> None:
    """Refuse parts that, one after the other, do not give what the whole model gives."""
    scores = cut.scores(*cut.features(image))
    turn = _PROBABILITIES.get(cut.ending)
    parts = scores if turn is None else _array(turn(keras.ops.convert_to_tensor(scores)))
    parts = parts[:, 1:] if cut.of_two else parts
    # One of ``inputs=[x]`` wants a list.
    given = keras.tree.pack_sequence_as(getattr(model, "input", image), [image])
    whole = _array(keras.tree.flatten(model(given, training=False))[0])
    if not np.allclose(parts, whole, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise EvaluationError(
            f"{model.name!r} cut at {cut.layer!r} gives {parts.ravel()[:3]}, and the whole model "
            f"{whole.ravel()[:3]}. Does a layer draw random numbers at inference? Otherwise name "
            "another layer with layer=..."
        )


def _array(tensor: Tensor | ArrayLike) -> NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(tensor), np.float32)
