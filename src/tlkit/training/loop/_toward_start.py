"""L2-SP: steps of an optimizer that also lead back to where a stage began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlkit._keras.types import Layer, Variable


def starts_of(layers: Iterable[Layer]) -> dict[int, np.ndarray]:
    """Return the values of the weights of layers, by the id of each."""
    weights = (weight for layer in layers for weight in layer.weights)
    return {id(weight): np.array(np.asarray(weight)) for weight in weights}


def toward_start(optimizer: Any, strength: float, starts: Mapping[int, np.ndarray]) -> Any:
    """Let an optimizer that is not built yet go back toward the start in each of its steps.

    Args:
        optimizer: A Keras optimizer, which becomes one of a subclass.
        strength: What the way back is multiplied by besides the rate.
        starts: Values by the id of their variable; the others are left alone.

    Returns:
        The same optimizer. Starts are among its ``variables``; in files it is one of its old class.
    """
    kind: Any = type(optimizer)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    optimizer.__class__ = type(kind.__name__, (_TowardStart, kind), names)
    optimizer.way_back = _WayBack(strength, starts)
    return optimizer


@dataclass
class _WayBack:
    """What an optimizer needs for it; no list of variables, which Keras would take for its own."""

    strength: float
    starts: Mapping[int, np.ndarray]
    pairs: Sequence[tuple[Variable, Variable]] = ()


class _TowardStart(keras.optimizers.Optimizer):  # type: ignore[misc]
    """Comes before a Keras optimizer's own class."""

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the optimizer's variables, the starts last."""
        super().build(variables)
        self.way_back.pairs = [
            (variable, self._start(variable, self.way_back.starts[id(variable)]))
            for variable in variables
            if id(variable) in self.way_back.starts
        ]

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Go back a part of the way, as Keras decays weights, then make the optimizer's step."""
        ops = keras.ops
        share = ops.cast(self.learning_rate, "float32") * self.way_back.strength
        if every := self.gradient_accumulation_steps:
            share = share * ops.cast((self.iterations + 1) % every == 0, "float32")
        for variable, start in self.way_back.pairs:
            variable.assign(variable - (variable - start) * ops.cast(share, variable.dtype))
        super().apply(grads, trainable_variables)

    def save_own_variables(self, store: Any) -> None:
        """Write what an optimizer of the old class reads."""
        for number, variable in enumerate(self.variables[: -len(self.way_back.pairs) or None]):
            store[str(number)] = np.asarray(variable)

    def _start(self, variable: Variable, value: np.ndarray) -> Variable:
        start: Variable = self.add_variable_from_reference(variable, name="start")
        start.assign(value)
        return start
