"""A sweep of one epoch per rate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras

from tlkit._keras.fit_types import CompiledModel, FitBatches
from tlkit._keras.for_fit import for_fit
from tlkit.errors import LearningRateError
from tlkit.learning_rate.sweep._rate_dial import RateDial
from tlkit.learning_rate.sweep.batches import ArrayBatches
from tlkit.learning_rate.sweep.measurements import Measurements
from tlkit.learning_rate.sweep.settings import SweepSettings


class EpochSweep(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Set one rate per epoch and record the epoch's loss.

    Everything goes through ``self.model``: on JAX a rate set elsewhere is ignored.
    """

    async_safe = True  # counting needs no logs, so Keras need not wait for the loss of each batch

    def __init__(self, measured: Measurements, dial: RateDial, steps: int) -> None:
        super().__init__()
        self.measured, self.dial, self.steps = measured, dial, steps
        # Keras tells of batches from several threads, in any order; a list loses none of them.
        self.ended: list[int] = []

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Set the epoch's rate."""
        self.ended = []
        self.dial.turn(self.model.optimizer, self.measured.rates[epoch])

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note that a batch was trained on."""
        self.ended.append(batch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Record the epoch, or notice that the data had nothing left for it."""
        # For an epoch without batches Keras reports the loss of another one, or 0.
        if max(self.ended, default=-1) + 1 >= self.steps:
            self.measured.add(logs or {})
        else:
            self.measured.stop_short("the data ended")
        if self.measured.stop_reason is not None:
            self.model.stop_training = True


def sweep_epochs(
    model: CompiledModel, data: FitBatches, measured: Measurements, settings: SweepSettings
) -> None:
    """Train one epoch per rate: in a single ``fit``, or in one for each rate that begins again.

    Args:
        model: Compiled and built; left changed.
        data: As from `tlkit.learning_rate.sweep.batches.as_fit_data`.
        measured: Filled in.
        settings: How to train. The user's callbacks come first, so that the sweep's rate holds.

    Raises:
        LearningRateError: If the data gave no batch.
    """
    count, steps = len(measured.rates), settings.steps_per_epoch
    if isinstance(data, ArrayBatches):
        steps = steps or data.per_pass
        data = for_fit(data.lasting(steps * count))
    own = EpochSweep(measured, RateDial(model.optimizer), steps or 1)
    if settings.begin_again is None:
        _fit(model, data, own, settings, steps, range(count))
    else:
        for epoch in range(count):
            settings.begin_again()
            _fit(model, data, own, settings, steps, range(epoch, epoch + 1))
            if model.stop_training:
                break
    measured.stop_short("a callback stopped training")
    if not measured.losses:
        raise LearningRateError(
            f"data ({type(data).__name__}) gave too few batches for one epoch of "
            f"{steps or 1}; give more, or a smaller steps_per_epoch."
        )


def _fit(
    model: CompiledModel,
    data: FitBatches,
    own: EpochSweep,
    settings: SweepSettings,
    steps: int | None,
    span: range,
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


def _shuffled_by_keras(data: FitBatches) -> bool:
    return isinstance(data, keras.utils.PyDataset) and not isinstance(data, ArrayBatches)
