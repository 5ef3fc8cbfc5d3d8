"""A sweep of one epoch per rate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from tlkit._keras.fit_types import CompiledModel, FitBatches
from tlkit._keras.for_fit import for_fit
from tlkit._keras.optimizers import epochs_per_rate, steps_per_update
from tlkit.errors import LearningRateError
from tlkit.learning_rate.sweep._rate_dial import RateDial, drop_half_an_update
from tlkit.learning_rate.sweep._refusals import check_counted
from tlkit.learning_rate.sweep.batches import ArrayBatches, is_read_once, one_pass
from tlkit.learning_rate.sweep.kept import SweepState
from tlkit.learning_rate.sweep.measurements import Measurements
from tlkit.learning_rate.sweep.settings import SweepSettings


class EpochSweep(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Set one rate per epoch, or for several, and record their loss.

    Everything goes through ``self.model``: on JAX a rate set elsewhere is ignored.
    """

    async_safe = True  # counting needs no logs, so Keras need not wait for the loss of each batch

    def __init__(
        self,
        measured: Measurements,
        dial: RateDial,
        steps: int,
        passes: int = 1,
        *,
        last_only: bool = False,
        keep: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.keep = keep
        self.passes, self.last_only = passes, last_only
        self.seen: list[Mapping[str, Any]] = []
        self.measured, self.dial, self.steps = measured, dial, steps
        # Keras tells of batches from several threads, in any order; a list loses none of them.
        self.ended: list[int] = []

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Set the epoch's rate."""
        self.ended = []
        if self.passes > 1 and epoch % self.passes == 0:
            drop_half_an_update(self.model.optimizer)
        self.dial.turn(self.model.optimizer, self.measured.rates[epoch // self.passes])

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note that a batch was trained on."""
        self.ended.append(batch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Record the epoch, or notice that the data had nothing left for it."""
        # For an epoch without batches Keras reports the loss of another one, or 0.
        if max(self.ended, default=-1) + 1 >= self.steps:
            self._take(logs or {})
        else:
            self.measured.stop_short("the data ended")
        if self.measured.stop_reason is not None:
            self.model.stop_training = True

    def _take(self, logs: Mapping[str, Any]) -> None:
        """Record a rate once its last epoch has ended; held-out losses are those of that one."""
        self.seen.append(logs)
        if len(self.seen) < self.passes:
            return
        means = {
            name: value if name.startswith("val_") else np.mean([each[name] for each in self.seen])
            for name, value in logs.items()
        }
        self.seen = []
        self.measured.add(logs if self.last_only or self.passes == 1 else means)
        check_counted(self.model, self.measured.losses)
        self.keep()


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
    again = settings.begin_again is not None
    passes = _passes(model, data, steps, again=again)
    # Several steps in one go must not run on past the end of an epoch, and so of a rate.
    if model.steps_per_execution > 1 and (steps or _batches(data)) % model.steps_per_execution:
        model.steps_per_execution = 1
    if isinstance(data, ArrayBatches):
        steps = steps or data.per_pass
        data = for_fit(data.lasting(steps * count * passes))
    dial = RateDial(model.optimizer)
    keep = partial(_keep, measured, settings)
    own = EpochSweep(measured, dial, steps or 1, passes, last_only=again, keep=keep)
    first = count if measured.complete else len(measured.losses)
    if settings.begin_again is None:
        drop_half_an_update(model.optimizer)
        _fit(model, data, own, settings, steps, range(first * passes, count * passes))
    else:
        for rate in range(first, count):
            settings.begin_again()
            drop_half_an_update(model.optimizer)
            _fit(model, data, own, settings, steps, range(rate * passes, (rate + 1) * passes))
            if model.stop_training:
                break
    measured.stop_short("a callback stopped training")
    if not measured.losses:
        raise LearningRateError(
            f"data ({type(data).__name__}) gave too few batches for one epoch of "
            f"{steps or 1}; give more, or a smaller steps_per_epoch."
        )


def _keep(measured: Measurements, settings: SweepSettings) -> None:
    if settings.keeper is not None:
        settings.keeper.write(lambda: SweepState.of(measured, settings.kept_values()))


def _passes(model: CompiledModel, data: FitBatches, steps: int | None, *, again: bool) -> int:
    """Return the epochs of a rate; the batches of one are counted only where that matters."""
    if steps_per_update(model.optimizer) + again == 1:
        return 1
    return epochs_per_rate(model.optimizer, steps or _batches(data), fresh=again)


def _batches(data: FitBatches) -> int:
    """Return how many batches one pass has; where nobody knows, they are counted."""
    if isinstance(data, ArrayBatches):
        return data.per_pass
    if isinstance(data, keras.utils.PyDataset):
        return int(data.num_batches)
    return 1 if is_read_once(data) else max(1, sum(1 for _ in one_pass(data)))


def _fit(
    model: CompiledModel,
    data: FitBatches,
    own: EpochSweep,
    settings: SweepSettings,
    steps: int | None,
    span: range,
) -> None:
    if not span:
        return
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
