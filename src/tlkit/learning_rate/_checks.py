"""What a search refuses before it begins, each with what to do instead."""

from __future__ import annotations

import math
from typing import Any

from tlkit.errors import LearningRateError


def check_range(low: float, high: float) -> None:
    """Refuses rates between which no sweep can rise."""
    for name, rate in (("min_lr", low), ("max_lr", high)):
        if not (rate > 0 and math.isfinite(rate)):
            raise LearningRateError(f"{name}={rate!r}: expected a finite number above 0.")
    if low >= high:
        raise LearningRateError(f"min_lr={low!r} is not below max_lr={high!r}; swap or widen them.")


def check_whole(name: str, value: Any, least: int) -> None:
    """Refuses what is not a whole number, ``least`` or more."""
    # NumPy's whole numbers are as good as Python's.
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise LearningRateError(f"{name}={value!r}: expected a whole number, {least} or more.")


def check_model(model: Any) -> None:
    """Refuses what is no compiled model."""
    import keras

    if not isinstance(model, keras.Model):
        raise LearningRateError(
            f"model is a {type(model).__name__}; expected a compiled keras.Model."
        )
    if not model.compiled:
        raise LearningRateError(
            f"the model {model.name!r} is not compiled; call model.compile(optimizer, loss) first."
        )


def check_trainable(model: Any) -> None:
    """Refuses a model in which nothing can learn."""
    if not model.trainable_variables:
        raise LearningRateError(
            f"the model {model.name!r} has nothing to train: all its layers are frozen or without "
            "weights. Set layer.trainable = True where it should learn, then compile again."
        )


def check_passes(data: Any, steps_per_epoch: int | None, rates: int, *, again: bool) -> None:
    """Refuses data that has not an epoch for each rate.

    Args:
        data: As from :func:`~tlkit.learning_rate.sweep.batches.as_fit_data`.
        steps_per_epoch: Batches of an epoch, or None for all.
        rates: How many rates.
        again: Whether every rate begins with the same data.
    """
    from tlkit.learning_rate.sweep import batches as feed

    kind = f"data is a {type(data).__name__}"
    once = feed.is_read_once(data)
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
    if steps_per_epoch is None and feed.is_endless(data):
        raise LearningRateError(
            f"{kind} without an end, so an epoch has none. Give steps_per_epoch, or use "
            'unit="batch".'
        )


def check_validation(data: Any) -> None:
    """Refuses held-out data that cannot be read for each rate, or has no targets."""
    from tlkit.learning_rate.sweep import batches as feed

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
    elif feed.is_read_once(data) or feed.is_endless(data):
        raise LearningRateError(
            f"validation_data is a {type(data).__name__}, which cannot be read to its end for each "
            "rate. Pass arrays, a keras.utils.PyDataset or a tf.data.Dataset."
        )
