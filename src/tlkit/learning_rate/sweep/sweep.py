"""One sweep through the rates: per epoch with ``fit``, or per batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, repeat
from typing import Any

import keras
import numpy as np

from tlkit._keras.for_fit import for_fit
from tlkit.errors import LearningRateError
from tlkit.learning_rate.sweep._rate_dial import RateDial, steps_per_update
from tlkit.learning_rate.sweep.batches import (
    ArrayBatches,
    Batch,
    as_fit_data,
    endless_batches,
    one_pass,
)
from tlkit.learning_rate.sweep.record import SweepRecord

_HELD_OUT = 32  # samples of a validation batch, as in fit


class EpochSweep(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets one rate per epoch and records the epoch's loss.

    Everything goes through ``self.model``: on JAX a rate set elsewhere is ignored.
    """

    async_safe = True  # counting needs no logs, so Keras need not wait for the loss of each batch

    def __init__(self, record: SweepRecord, dial: RateDial, steps: int) -> None:
        super().__init__()
        self.record, self.dial, self.steps = record, dial, steps
        # Keras tells of batches from several threads, in any order; a list loses none of them.
        self.ended: list[int] = []

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Sets the epoch's rate."""
        self.ended = []
        self.dial.turn(self.model.optimizer, self.record.rates[epoch])

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Notes that a batch was trained on."""
        self.ended.append(batch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Records the epoch, or notices that the data had nothing left for it."""
        # For an epoch without batches Keras reports the loss of another one, or 0.
        if max(self.ended, default=-1) + 1 >= self.steps:
            self.record.add(logs or {})
        else:
            self.record.stop_short("the data ended")
        if self.record.stop_reason is not None:
            self.model.stop_training = True


@dataclass(frozen=True)
class SweepSettings:
    """How to train during a sweep; the names are those of ``ExponentialLRFinder.find``.

    Args:
        begin_again: Puts the model back to its start; called before each rate. None goes on.
    """

    callbacks: tuple[Any, ...] = ()
    shuffle: bool = True
    seed: int = 0
    class_weight: Mapping[int, float] | None = None
    validation_data: Any = None
    steps_per_epoch: int | None = None
    verbose: int = 0
    begin_again: Callable[[], None] | None = None


def sweep_epochs(model: Any, data: Any, record: SweepRecord, settings: SweepSettings) -> None:
    """One epoch per rate: in a single ``fit``, or in one for each rate that begins again.

    Args:
        model: Compiled and built; left changed.
        data: As from :func:`~tlkit.learning_rate.sweep.batches.as_fit_data`.
        record: Filled in.
        settings: How to train. The user's callbacks come first, so that the sweep's rate holds.

    Raises:
        LearningRateError: If the data gave no batch.
    """
    count, steps = len(record.rates), settings.steps_per_epoch
    if isinstance(data, ArrayBatches):
        steps = steps or data.per_pass
        data = for_fit(data.lasting(steps * count))
    own = EpochSweep(record, RateDial(model.optimizer), steps or 1)
    if settings.begin_again is None:
        _fit(model, data, own, settings, steps, range(count))
    else:
        for epoch in range(count):
            settings.begin_again()
            _fit(model, data, own, settings, steps, range(epoch, epoch + 1))
            if model.stop_training:
                break
    record.stop_short("a callback stopped training")
    if not record.losses:
        raise LearningRateError(
            f"data ({type(data).__name__}) gave too few batches for one epoch of "
            f"{steps or 1}; give more, or a smaller steps_per_epoch."
        )


def _fit(
    model: Any, data: Any, own: EpochSweep, settings: SweepSettings, steps: int | None, span: range
) -> None:
    with warnings.catch_warnings():
        # Told in stop_reason, or raised later, with the number of rates that were reached.
        warnings.filterwarnings("ignore", "\\s*Your input ran out of data", UserWarning)
        model.fit(
            data,
            initial_epoch=span.start,
            epochs=span.stop,
            callbacks=[*settings.callbacks, own],
            shuffle=settings.shuffle and _shuffled_by_keras(data),
            steps_per_epoch=steps,
            validation_data=settings.validation_data,
            class_weight=settings.class_weight,
            verbose=settings.verbose,
        )


def sweep_batches(model: Any, data: Any, record: SweepRecord, settings: SweepSettings) -> None:
    """One training step per rate, with the loss of that batch alone.

    ``train_on_batch`` resets Keras's running mean before each step, so that what it returns is the
    loss of this batch before its own update.

    Args:
        model: Compiled and built; left changed.
        data: As from :func:`~tlkit.learning_rate.sweep.batches.as_fit_data`; read again when it
            ends.
        record: Filled in.
        settings: How to train. Callbacks get train and train-batch events.
    """
    dial, total = RateDial(model.optimizer), len(record.rates)
    if settings.validation_data is not None:
        held_out = as_fit_data(settings.validation_data, None, _HELD_OUT, shuffle=False, seed=0)
        settings = replace(settings, validation_data=held_out)
    bar = keras.utils.Progbar(total, verbose=settings.verbose) if settings.verbose else None
    for callback in settings.callbacks:
        callback.set_model(model)
        callback.set_params({"epochs": 1, "steps": total, "verbose": settings.verbose})
    model.stop_training = False
    _tell(settings, "on_train_begin")
    for step, (rate, batches) in enumerate(
        zip(record.rates, _batches_of_points(model, data, settings), strict=False)
    ):
        _tell(settings, "on_train_batch_begin", step)
        if settings.begin_again is not None:
            settings.begin_again()
        dial.turn(model.optimizer, rate)
        logs = _train_steps(model, batches, settings)
        _tell(settings, "on_train_batch_end", step, logs)
        record.add(logs)
        if bar is not None:
            bar.update(step + 1, [("loss", record.losses[-1])])
        if record.stop_reason is not None or model.stop_training:
            break
    _tell(settings, "on_train_end")
    record.stop_short("a callback stopped training" if model.stop_training else "the data ended")


def _batches_of_points(model: Any, data: Any, settings: SweepSettings) -> Iterator[list[Batch]]:
    """For each rate the batches to train on, the last of which gives the loss.

    A step from the same weights shows in the loss of the batch after it, not in its own, which is
    taken before the update. So a search that begins again takes the same few batches each time.
    """
    batches = endless_batches(data, settings.shuffle, settings.seed)
    if settings.begin_again is None:
        return ([batch] for batch in batches)
    needed = steps_per_update(model.optimizer) + 1
    first = list(islice(batches, needed))
    if len(first) < needed:
        raise LearningRateError(
            f"data ({type(data).__name__}) ended after {len(first)} batches; fresh_start=True "
            f"needs {needed}: an update, and one more for the loss after it."
        )
    return repeat(first)


def _tell(settings: SweepSettings, event: str, *details: Any) -> None:
    # Not through keras.callbacks.CallbackList, which hands each batch to another thread.
    for callback in settings.callbacks:
        getattr(callback, event)(*details)


def _train_steps(model: Any, batches: list[Batch], settings: SweepSettings) -> dict[str, float]:
    for x, y, weight in batches:
        logs = model.train_on_batch(
            x, y, weight, class_weight=settings.class_weight, return_dict=True
        )
    return {**logs, **_validation(model, settings.validation_data)}


def _shuffled_by_keras(data: Any) -> bool:
    return isinstance(data, keras.utils.PyDataset) and not isinstance(data, ArrayBatches)


def _validation(model: Any, data: Any) -> dict[str, float]:
    """The mean loss by sample, as ``evaluate`` gives it; that takes longer to begin than a step."""
    if data is None:
        return {}
    losses, sizes = [], []
    for x, y, weight in one_pass(data):
        losses.append(model.test_on_batch(x, y, weight, return_dict=True)["loss"])
        sizes.append(len(keras.tree.flatten(x)[0]))
    return {"val_loss": float(np.average(losses, weights=sizes))}
