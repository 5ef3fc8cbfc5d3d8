"""A head of one's own: a function or a Keras layer that makes probabilities of features."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from itertools import count
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.describe import described
from tlkit._keras.layers import leaf_layers
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Layer, Model
from tlkit._task import Task
from tlkit.errors import TrainingError
from tlkit.freezing.head import Head

# As far as rows of probabilities may be from a sum of 1, in float32.
_TOLERANCE = 1e-3


@dataclass(frozen=True, repr=False)
class OwnHead:
    """What a user gave for a head, made anew for each training.

    Args:
        given: ``head(features)`` or ``head(features, classes)``, which returns a symbolic tensor;
            or a Keras layer, which is copied, with new weights.
    """

    given: Callable[..., Any] | Layer

    def __repr__(self) -> str:
        return getattr(self.given, "__qualname__", None) or repr(self.given)

    def text(self) -> str:
        """Return what it is, the same in every process, to compare runs by."""
        if _is_layer(self.given):
            config = _without_names(self.given.get_config())  # type: ignore[union-attr]
            return f"{type(self.given).__name__}({config!r})"
        return described(self.given)

    def task(self, labels: NDArray[np.int64], classes: int) -> Task:
        """Return what it tells of images with such labels: one class of each, or any number."""
        return Task.of(labels, classes)

    def build(
        self,
        features: Any,
        classes: int,
        *,
        seed: int,  # noqa: ARG002 - the caller has seeded what initializers draw from
        taken: Collection[str] = (),
        task: Task = Task.MULTICLASS,
    ) -> Any:
        """Return the probabilities on a symbolic tensor of features; as `Head.build`.

        Raises:
            TrainingError: It gives something else than float32 probabilities (None, classes).
        """
        import keras

        inputs = keras.Input(features.shape[1:], dtype=features.dtype)
        output = self._called(inputs, classes)
        self._check_tensor(output, inputs, task.outputs(classes))
        made = _renamed(keras.Model(inputs, output), taken)
        self._check_values(made, task)
        return made(features)

    def classes(self, features: Any) -> int | None:
        """Return for how many classes it gives probabilities; None for one that is told.

        Args:
            features: A symbolic tensor.
        """
        import keras

        if not _is_layer(self.given) and "classes" in signature(self.given).parameters:
            return None
        output = self._called(keras.Input(features.shape[1:], dtype=features.dtype), 2)
        shape: tuple[int | None, ...] = tuple(getattr(output, "shape", ()))
        return shape[-1] if len(shape) == 2 and (shape[-1] or 0) > 1 else None

    def _called(self, inputs: Any, classes: int) -> Any:
        if _is_layer(self.given):
            layer: Any = self.given
            return type(layer).from_config(layer.get_config())(inputs)
        function: Any = self.given
        named = {"classes": classes} if "classes" in signature(function).parameters else {}
        return function(inputs, **named)

    def _check_tensor(self, output: Any, inputs: Any, outputs: int) -> None:
        import keras

        received = type(output).__name__
        if isinstance(output, keras.KerasTensor):
            if tuple(output.shape) == (None, outputs) and output.dtype == "float32":
                return
            received = f"{output.dtype} of shape {tuple(output.shape)}"
        wide = len(getattr(output, "shape", ())) == 4
        raise TrainingError(
            f"head={self!r} makes {received} of features {tuple(inputs.shape)}; expected float32 "
            f"probabilities (None, {outputs})."
            + " Put keras.layers.GlobalAveragePooling2D() first."
            * wide
            + " Let it end with keras.layers.Dense(classes, 'softmax', dtype='float32') on the "
            "features; head(features, classes) is told how many classes there are."
        )

    def _check_values(self, made: Model, task: Task) -> None:
        shape: Any = made.inputs[0].shape[1:]
        some = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
        found = np.asarray(predict_on_batch(made, some), np.float64)
        off = np.abs(found.sum(axis=1) - 1).max() if task is Task.MULTICLASS else 0.0
        if found.min() >= 0 and found.max() <= 1 + _TOLERANCE and off <= _TOLERANCE:
            return
        one = task is Task.MULTICLASS
        raise TrainingError(
            f"head={self!r} gives numbers from {found.min():.3g} to {found.max():.3g}"
            f"{f', whose rows sum to {found[0].sum():.3g} and the like' if one else ''}; expected "
            f"probabilities{' that sum to 1' if one else ' from 0 to 1'}. Let it end with "
            f"activation={'softmax' if one else 'sigmoid'!r}: losses, evaluation and predictions "
            "take probabilities, not logits."
        )


AnyHead: TypeAlias = Head | OwnHead
GivenHead: TypeAlias = Head | Callable[..., Any] | Layer


def head_of(given: GivenHead | None) -> AnyHead:
    """Return what a user gave as a head.

    Raises:
        TrainingError: It is no `Head`, no function of features and no layer.

    Example:
        >>> head_of(None) == Head()
        True
        >>> head_of("softmax")
        Traceback (most recent call last):
            ...
        tlkit.errors.TrainingError: head='softmax'; expected a tlkit.Head, such as ...
    """
    if given is None:
        return Head()
    if isinstance(given, (Head, OwnHead)):
        return given
    if _is_layer(given) or (callable(given) and not isinstance(given, type) and _takes(given)):
        return OwnHead(given)
    raise TrainingError(
        f"head={given!r}; expected a tlkit.Head, such as Head(units=(256,), dropout=0.2); a "
        "function head(features) or head(features, classes) that returns a symbolic tensor; or a "
        "Keras layer."
    )


def _is_layer(given: object) -> bool:
    return hasattr(given, "get_config") and hasattr(given, "compute_output_shape")


def _takes(function: Callable[..., Any]) -> bool:
    """Return whether a function can be given features, and the number of classes by name."""
    try:
        parameters = signature(function).parameters
        named = {"classes": 2} if "classes" in parameters else {}
        signature(function).bind(None, **named)
    except (TypeError, ValueError):
        return False
    return all(
        x.kind is not Parameter.POSITIONAL_ONLY or x.name != "classes" for x in parameters.values()
    )


def _renamed(model: Model, taken: Collection[str]) -> Model:
    """Return a model whose layers are called by their places, so that a run can be gone on with.

    Keras counts the layers of a process for their names, from which the noise in them follows.
    """
    import keras

    used = set(taken)

    def free(stem: str) -> str:
        name = next(x for x in (f"{stem}_{number}" for number in count(1)) if x not in used)
        used.add(name)
        return name

    def copied(layer: Any) -> Any:
        name = free(f"head_{type(layer).__name__.lower()}")
        return type(layer).from_config({**layer.get_config(), "name": name})

    made: Model = keras.models.clone_model(model, clone_function=copied, recursive=True)
    made.set_weights(model.get_weights())
    for layer in leaf_layers(made):  # those of a subclassed model, which makes them itself
        if layer.variables and layer.name not in used:
            layer.name = free(f"head_{type(layer).__name__.lower()}")
    named: Model = keras.Model(made.inputs[0], made.outputs[0], name=free("head"))
    return named


def _without_names(config: Any) -> Any:
    """Return a layer's settings without the names that Keras counts in a process."""
    if isinstance(config, Mapping):
        left = ("name", "build_config", "inbound_nodes", "input_layers", "output_layers")
        return {key: _without_names(x) for key, x in config.items() if key not in left}
    if isinstance(config, (list, tuple)):
        return [_without_names(item) for item in config]
    return config
