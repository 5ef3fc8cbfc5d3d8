"""Which models and data a search refuses before it trains, each with what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import keras

from tlkit._keras.fit_types import CompiledModel, FitBatches, FitData
from tlkit.errors import LearningRateError
from tlkit.learning_rate.sweep.batches import is_endless, is_read_once

_AS_KERAS_DOES = (
    "Let it do as Keras does: update with the loss, of self.metrics, the one "
    'whose name is "loss"; then return {metric.name: metric.result() for metric in self.metrics}.'
)


def check_model(model: CompiledModel) -> None:
    """Refuse what is no compiled model."""
    if not isinstance(model, keras.Model):
        raise LearningRateError(
            f"model is a {type(model).__name__}; expected a compiled keras.Model."
        )
    if not model.compiled:
        raise LearningRateError(
            f"the model {model.name!r} is not compiled; call model.compile(optimizer, loss) first."
        )


def check_trainable(model: CompiledModel) -> None:
    """Refuse a model in which nothing can learn."""
    if not model.trainable_variables:
        raise LearningRateError(
            f"the model {model.name!r} has nothing to train: all its layers are frozen or without "
            "weights. Set layer.trainable = True where it should learn, then compile again."
        )


@contextmanager
def losses_are_named(model: CompiledModel) -> Iterator[None]:
    """Refuse, at its first call, a training step of the user's that names no loss.

    Keras would report a loss of 0 for every rate, or fail when the first epoch ends.
    """
    step = model.train_step
    if _is_of_keras(step):
        yield
        return

    @wraps(step)
    def told(*given: Any) -> Any:
        gave = step(*given)
        logs = gave[0] if keras.backend.backend() == "jax" else gave
        if not isinstance(logs, Mapping) or "loss" not in logs:
            raise LearningRateError(
                f"the train_step of {type(model).__name__} returned "
                f"{sorted(logs) if isinstance(logs, Mapping) else 'a ' + type(logs).__name__}; "
                f"expected its figures by name, the loss among them. {_AS_KERAS_DOES}"
            )
        return gave

    model.train_step = told
    try:
        yield
    finally:
        del model.train_step
        if model.train_step != step:  # it was set on the model, not written in its class
            model.train_step = step


def _is_of_keras(step: Callable[..., Any]) -> bool:
    return step.__module__.startswith("keras.")


def check_counted(model: CompiledModel, losses: Sequence[float]) -> None:
    """Refuse to go on after a first rate for which a step of the user's own counted no loss.

    Keras reports its own metric for a loss that is given by name, and that one was not updated.
    """
    if len(losses) == 1 and losses[0] == 0 and not _is_of_keras(model.train_step):
        raise LearningRateError(
            f"the loss of the first rate is 0: the train_step of {type(model).__name__} updates no "
            f"metric with it. {_AS_KERAS_DOES}"
        )


def check_passes(data: FitBatches, steps_per_epoch: int | None, rates: int, *, again: bool) -> None:
    """Refuse data that has not an epoch for each rate.

    Args:
        data: As from `tlkit.learning_rate.sweep.batches.as_fit_data`.
        steps_per_epoch: Batches of an epoch, or None for all.
        rates: How many rates.
        again: Whether every rate begins with the same data.
    """
    kind = f"data is a {type(data).__name__}"
    once = is_read_once(data)
    if once and again:
        raise LearningRateError(
            f"{kind}, which can be read only once, and fresh_start=True reads the data anew for "
            "each rate. Pass arrays, a keras.utils.PyDataset or a tf.data.Dataset."
        )
    if once and steps_per_epoch is None:
        raise LearningRateError(
            f"{kind}, which can be read only once, but {rates} epochs are wanted. Give "
            'steps_per_epoch, use unit="batch", or pass a keras.utils.PyDataset.'
        )
    if steps_per_epoch is None and is_endless(data):
        raise LearningRateError(
            f"{kind} without an end, so an epoch has no end either. Give steps_per_epoch, or use "
            'unit="batch".'
        )


def check_validation(data: FitData | None) -> None:
    """Refuse held-out data that cannot be read for each rate, or has no targets."""
    if data is None:
        return
    if isinstance(data, tuple | list):
        if not (isinstance(data, tuple) and 2 <= len(data) <= 3):
            raise LearningRateError(
                f"validation_data is a {type(data).__name__} of {len(data)}; expected (x, y), "
                "(x, y, sample_weight), or batches with targets in them."
            )
    elif hasattr(data, "__array__"):
        raise LearningRateError(
            "validation_data is an array; expected (x, y), (x, y, sample_weight), or batches with "
            "targets in them."
        )
    elif is_read_once(data) or is_endless(data):
        raise LearningRateError(
            f"validation_data is a {type(data).__name__}, which cannot be read to its end for each "
            "rate. Pass arrays, a keras.utils.PyDataset or a tf.data.Dataset."
        )
