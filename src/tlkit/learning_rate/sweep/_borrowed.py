"""Borrowing a model: whatever happens inside, everything is put back bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlkit._keras.fit_types import CompiledModel
from tlkit._keras.random_states import global_generators_kept, seed_global_generators
from tlkit._keras.types import Variable

_ABSENT = object()
# What Keras compiled at the first fit. The search compiles its own: a function that was traced for
# other data rounds differently in the next fit.
_COMPILED = ("train_function", "test_function")
_ATTRIBUTES = ("stop_training", "history", "steps_per_execution", *_COMPILED)


@dataclass(frozen=True)
class Loan:
    """What a borrower may do with a model.

    Args:
        begin_again: Puts all of it back in between, and begins the global random generators anew.
        variables: All that changes when it is trained, but for metrics.
        model: The model.
    """

    begin_again: Callable[[], None]
    variables: list[Variable]
    model: CompiledModel

    def values(self) -> list[np.ndarray]:
        """Return copies of the variables' values."""
        _synchronize(self.model)
        return [_copy(variable) for variable in self.variables]

    def put(self, values: Sequence[np.ndarray]) -> None:
        """Give the variables values that `values` has returned, here or in another process."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)


@contextmanager
def borrowed(model: CompiledModel, seed: int) -> Iterator[Loan]:
    """Lend a compiled, built model; on leaving, also by an exception, it is as it was.

    Restored are the weights, all non-trainable state (BatchNormalization statistics, random seeds),
    metrics, the optimizer's slots, iteration count, loss scale and learning rate,
    ``stop_training``, ``history``, ``steps_per_execution`` and the compiled functions; and the
    global random generators of Python, NumPy and, where Keras runs on it, PyTorch, which inside
    start from ``seed``. An optimizer that was not built is built, with nothing in its slots.

    Args:
        model: A compiled and built ``keras.Model``.
        seed: Start of the global random generators inside, 0 or above.

    Yields:
        What puts all of this back in between.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    values = [(v, _copy(v)) for v in _state_of(model)]
    attributes = {name: getattr(model, name, _ABSENT) for name in _ATTRIBUTES}

    def begin_again() -> None:
        _put_back(model, values, {})
        _seed(seed)

    with _random_state_kept(seed):
        try:
            for name in _COMPILED:
                setattr(model, name, None)
            metrics = {id(variable) for variable in model.metrics_variables}
            yield Loan(begin_again, [v for v, _ in values if id(v) not in metrics], model)
        finally:
            _put_back(model, values, attributes)


def _state_of(model: CompiledModel) -> list[Variable]:
    unique = {
        id(v): v for v in (*model.variables, *model.metrics_variables, *model.optimizer.variables)
    }
    return list(unique.values())


def _copy(variable: Variable) -> Any:
    # On a CPU the array may share its memory with the variable, or be a copy already.
    # Not its value: that of a metric on several devices is a sum that TensorFlow alone can take.
    array = np.asarray(variable)
    return array if array.flags.owndata else array.copy()


def _synchronize(model: CompiledModel) -> None:
    """Bring the variables up to date, beside which JAX keeps newer state and writes it later."""
    getattr(model, "jax_state_sync", lambda: None)()


def _put_back(
    model: CompiledModel, values: list[tuple[Any, Any]], attributes: dict[str, Any]
) -> None:
    try:
        _synchronize(model)
        model.reset_metrics()
    finally:
        for variable, value in values:
            variable.assign(value)
        for name, value in attributes.items():
            if value is not _ABSENT:
                setattr(model, name, value)
            elif hasattr(model, name):
                delattr(model, name)


@contextmanager
def _random_state_kept(seed: int) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with global_generators_kept():
            _seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    seed_global_generators(seed)
