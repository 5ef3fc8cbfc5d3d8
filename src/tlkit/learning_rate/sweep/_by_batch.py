"""A sweep of one update per rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, repeat
from typing import cast

import keras
import numpy as np

from tlkit._keras.fit_types import CompiledModel, FitBatches
from tlkit._keras.optimizers import steps_per_update
from tlkit.errors import LearningRateError
from tlkit.learning_rate.sweep._rate_dial import RateDial, drop_half_an_update
from tlkit.learning_rate.sweep._refusals import check_counted
from tlkit.learning_rate.sweep.batches import Batch, as_fit_data, endless_batches, one_pass
from tlkit.learning_rate.sweep.measurements import Measurements
from tlkit.learning_rate.sweep.settings import SweepSettings

_HELD_OUT = 32  # samples of a validation batch, as in fit


def sweep_batches(
    model: CompiledModel, data: FitBatches, measured: Measurements, settings: SweepSettings
) -> None:
    """Make one update per rate, with the loss of its own batch, or the mean of all it accumulates.

    ``train_on_batch`` resets Keras's running mean before each step, so that what it returns is the
    loss of this batch before its own update.

    Args:
        model: Compiled and built; left changed.
        data: As from `tlkit.learning_rate.sweep.batches.as_fit_data`; read again when it
            ends.
        measured: Filled in.
        settings: How to train. Callbacks get train and train-batch events.
    """
    dial, total = RateDial(model.optimizer), len(measured.rates)
    settings = _with_batches(settings)
    points = zip(measured.rates, _batches_of_points(model, data, settings), strict=False)
    bar = keras.utils.Progbar(total, verbose=settings.verbose) if settings.verbose else None
    _begin(model, total, settings)
    for step, (rate, batches) in enumerate(points):
        _tell(settings, "on_train_batch_begin", step)
        if settings.begin_again is not None:
            settings.begin_again()
        if settings.begin_again is not None or step == 0:
            drop_half_an_update(model.optimizer)
        dial.turn(model.optimizer, rate)
        logs = _train_steps(model, batches, settings)
        _tell(settings, "on_train_batch_end", step, logs)
        measured.add(logs)
        check_counted(model, measured.losses)
        if bar is not None:
            bar.update(step + 1, [("loss", measured.losses[-1])])
        if measured.stop_reason is not None or model.stop_training:
            break
    _tell(settings, "on_train_end")
    measured.stop_short("a callback stopped training" if model.stop_training else "the data ended")


def _with_batches(settings: SweepSettings) -> SweepSettings:
    """Return the same settings, with held-out data that can be read batch by batch."""
    if settings.validation_data is None:
        return settings
    held_out = as_fit_data(settings.validation_data, None, _HELD_OUT, shuffle=False, seed=0)
    return replace(settings, validation_data=held_out)


def _begin(model: CompiledModel, total: int, settings: SweepSettings) -> None:
    for callback in settings.callbacks:
        callback.set_model(model)
        callback.set_params({"epochs": 1, "steps": total, "verbose": settings.verbose})
    model.stop_training = False
    model.steps_per_execution = 1  # each batch is a step of its own
    _tell(settings, "on_train_begin")


def _batches_of_points(
    model: CompiledModel, data: FitBatches, settings: SweepSettings
) -> Iterator[list[Batch]]:
    """Return for each rate the batches of an update; with a fresh start one more, for the loss.

    A step from the same weights shows in the loss of the batch after it, not in its own, which is
    taken before the update. So a search that begins again takes the same few batches each time.
    """
    batches = endless_batches(data, settings.shuffle, settings.seed)
    steps = steps_per_update(model.optimizer)
    if settings.begin_again is None:
        groups = iter(lambda: list(islice(batches, steps)), [])
        return (group for group in groups if len(group) == steps)
    needed = steps + 1
    first = list(islice(batches, needed))
    if len(first) < needed:
        raise LearningRateError(
            f"data ({type(data).__name__}) ended after {len(first)} batches; fresh_start=True "
            f"needs {needed}: an update, and one more for the loss after it."
        )
    return repeat(first)


def _tell(settings: SweepSettings, event: str, *details: object) -> None:
    # Not through keras.callbacks.CallbackList, which hands each batch to another thread.
    for callback in settings.callbacks:
        getattr(callback, event)(*details)


def _train_steps(
    model: CompiledModel, batches: list[Batch], settings: SweepSettings
) -> dict[str, float]:
    def step(batch: Batch) -> dict[str, float]:
        x, y, weight = batch
        logs: dict[str, float] = model.train_on_batch(
            x, y, weight, class_weight=settings.class_weight, return_dict=True
        )
        return logs

    held_out = cast(FitBatches | None, settings.validation_data)  # see _with_batches
    if settings.begin_again is None:
        return {
            **_mean([step(batch) for batch in batches], batches),
            **_validation(model, held_out),
        }
    for batch in batches[:-1]:
        step(batch)
    # Before the last step, which is there for its loss and makes an update of its own.
    validation = _validation(model, held_out)
    return {**step(batches[-1]), **validation}


def _mean(logs: list[dict[str, float]], batches: list[Batch]) -> dict[str, float]:
    """Return means by sample, as over an epoch."""
    if len(logs) == 1:
        return logs[0]
    sizes = [len(keras.tree.flatten(x)[0]) for x, _, _ in batches]
    return {
        name: float(np.average([float(each[name]) for each in logs], weights=sizes))
        for name in logs[0]
    }


def _validation(model: CompiledModel, data: FitBatches | None) -> dict[str, float]:
    """Return the mean loss by sample; ``evaluate`` gives the same, but is slow to begin."""
    if data is None:
        return {}
    losses, sizes = [], []
    for x, y, weight in one_pass(data):
        losses.append(model.test_on_batch(x, y, weight, return_dict=True)["loss"])
        sizes.append(len(keras.tree.flatten(x)[0]))
    return {"val_loss": float(np.average(losses, weights=sizes))}
