"""A model's graph as a flat list of steps, each with the tensors of this graph and no other.

A layer tells the tensors of its first call alone (``layer.output``), which may have been in
another model, and an inner model tells those of its own graph. Keras has no public way to read the
later calls but the model's config, and not every layer can be written as one. So:

- Where the first calls fit together, from the model's input to its output, they are this model's
  graph, since a tensor has one maker. They are taken as they are, and nothing is called.
- Else the graph is run through once more on a new input, by ``keras.models.clone_model`` with the
  same layers, and each call is noted. That is exact and public; it adds a call to each layer's
  memory (two to layers of inner models), and leaves its weights and the model's config alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from tlkit._keras.layers import operations_of
from tlkit._keras.types import Model, Operation, Tensor


@dataclass(frozen=True)
class Step:
    """One call of a layer or operation.

    Args:
        operation: The layer, the function of keras.ops, or a model that stays whole.
        inputs: All symbolic tensors that go in.
        output: What comes out: a symbolic tensor, or a structure of several.
    """

    operation: Any
    inputs: tuple[Any, ...]
    output: Any


Flat = tuple[Any, tuple[Step, ...], Any]
# Calls an operation with what it was called with in the graph.
Calls = Callable[..., Any]


def flat_steps(model: Model, *, inner: bool) -> Flat:
    """Return a model's input tensor, its steps in topological order, and its output tensor.

    Args:
        model: One that `can_be_read`.
        inner: Whether models inside it are laid open.
    """
    return _first_calls(model) or run_through(model, inner=inner)


def can_be_read(model: Model) -> bool:
    """Return whether a model does what its graph says, from one tensor to one tensor.

    A class with a ``call`` of its own need not do what its graph says.
    """
    if any(len(getattr(model, name, None) or ()) != 1 for name in ("inputs", "outputs")):
        return False
    calls = next(kind for kind in type(model).__mro__ if "call" in vars(kind))
    return calls.__module__.partition(".")[0] == "keras"


def _first_calls(model: Model) -> Flat | None:
    """Return the steps that the layers' first calls were, or None where those are not the graph."""
    import keras

    known = {id(model.inputs[0])}
    steps = []
    for operation in getattr(model, "operations", ()):
        if isinstance(operation, keras.layers.InputLayer):
            continue
        inputs = tuple(keras.tree.flatten(operation.input))
        if isinstance(operation, keras.Model) or not known.issuperset(map(id, inputs)):
            return None
        steps.append(Step(operation, inputs, operation.output))
        known.update(map(id, keras.tree.flatten(operation.output)))
    fits = id(model.outputs[0]) in known
    return (model.inputs[0], tuple(steps), model.outputs[0]) if fits else None


def _plain_call(operation: Operation, *given: object, **settings: object) -> Any:
    return operation(*given, **settings)


def run_through(model: Model, *, inner: bool, call: Calls = _plain_call) -> Flat:
    """Return the same of the model run through once more on a new input.

    Args:
        model: As for `flat_steps`.
        inner: As there.
        call: Makes each call, ``call(operation, *given, **settings)``.
    """
    import keras

    given = model.inputs[0]
    source = keras.Input(batch_shape=given.shape, dtype=given.dtype, name=given.name)
    notes = _Notes(_ambiguous_names(model) if inner else None, call)
    output = notes.run(model, source)
    return source, tuple(notes.steps), output


class _Notes:
    """Run through models on new tensors and note the steps.

    Args:
        ambiguous: Names that occur twice: a model that holds one of them stays whole, as a flat
            graph could not be told from its names. None leaves all inner models whole.
        made: Makes each call.
    """

    def __init__(self, ambiguous: frozenset[str] | None, made: Calls) -> None:
        self._ambiguous, self._made = ambiguous, made
        self.steps: list[Step] = []

    def run(self, model: Model, tensor: Tensor) -> Any:
        """Run a model on a tensor; return its output."""
        import keras

        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                tensor = self._call(layer, tensor)
            return tensor
        before = len(self.steps)
        if keras.backend.backend() == "torch":
            # Which has no sparse tensors: Keras 3.15 says so of what a number was multiplied with,
            # and then takes no model on it.
            said: Any = tensor
            said._sparse = False
        # A model of the same graph that was never compiled: a clone would be compiled as it was.
        plain = keras.Model(model.input, model.output)
        keras.models.clone_model(
            plain,
            keras.tree.pack_sequence_as(model.input, [tensor]),
            clone_function=lambda layer: layer,
            call_function=self._call,
        )
        return self.steps[-1].output if len(self.steps) > before else tensor

    def _call(self, operation: Operation, *given: object, **settings: object) -> Any:
        import keras

        tensors = [x for x in keras.tree.flatten((given, settings)) if _is_symbolic(x)]
        # An inner model's own training=... has no part in it: ``fit`` and ``predict`` overrule it.
        others = keras.tree.flatten([settings[name] for name in settings if name != "training"])
        plain = len(tensors) == 1 and all(x is None for x in others)
        if plain and self._opens(operation):
            return self.run(operation, _as_wanted(tensors[0], operation.inputs[0].dtype))
        output = self._made(operation, *given, **settings)
        self.steps.append(Step(operation, tuple(tensors), output))
        return output

    def _opens(self, operation: Operation) -> TypeGuard[Model]:
        import keras

        return (
            self._ambiguous is not None
            and isinstance(operation, keras.Model)
            and can_be_read(operation)
            and _ends_in_one_tensor(operation)
            and self._ambiguous.isdisjoint(_names(operation))
        )


def _is_symbolic(value: object) -> bool:
    import keras

    return bool(keras.utils.is_keras_tensor(value))


def _as_wanted(tensor: Tensor, dtype: str) -> Any:
    """Return a tensor as an inner model's own input would make it."""
    import keras

    return tensor if tensor.dtype == dtype else keras.ops.cast(tensor, dtype)


def _ends_in_one_tensor(model: Model) -> bool:
    import keras

    last = operations_of(model)[-1]
    return len(keras.tree.flatten(last.output)) == 1


def _ambiguous_names(model: Model) -> frozenset[str]:
    counts = Counter([model.inputs[0].name, *_names(model)])
    return frozenset(name for name, count in counts.items() if count > 1)


def _names(model: Model) -> Iterator[str]:
    """Yield the names of all operations in a model, those of models inside it included."""
    import keras

    for operation in operations_of(model):
        if not isinstance(operation, keras.layers.InputLayer):
            yield operation.name
        if isinstance(operation, keras.Model):
            yield from _names(operation)
