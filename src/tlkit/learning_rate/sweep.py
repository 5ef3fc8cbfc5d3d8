"""One sweep through the rates: per epoch with ``fit``, or per batch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from tlkit.errors import LearningRateError
from tlkit.learning_rate.feed import ArrayBatches, Batch, endless_batches
from tlkit.learning_rate.rates import RateDial


@dataclass
class SweepRecord:
    """What was measured so far, and whether to go on.

    With first loss ``f``, smallest loss ``b`` and the range ``w`` of the losses of the first tenth
    of the rates (at least 3), the sweep stops where ``loss - b > stop_factor * max(f - b, w)``, but
    not within that first tenth. Only differences of losses enter: losses below zero work too.

    Args:
        rates: All rates of the sweep, in order.
        stop_factor: See above; None never stops for a finite loss.
    """

    rates: Sequence[float]
    stop_factor: float | None
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    stop_reason: str | None = None

    def add(self, logs: Mapping[str, Any]) -> None:
        """Takes the logs of one rate and notes in ``stop_reason`` if the sweep should end."""
        if "loss" not in logs:
            raise LearningRateError(
                f"the model's training step reports {sorted(logs)}, but no 'loss' to go by."
            )
        self.losses.append(float(logs["loss"]))
        self.accuracies.append(float(logs.get(_accuracy_key(logs), math.nan)))
        self.validation_losses.append(float(logs.get("val_loss", math.nan)))
        self.stop_reason = self._divergence()

    def stop_short(self, why: str) -> None:
        """Notes that the sweep ended for another reason, unless it was complete."""
        if self.stop_reason is None and len(self.losses) < len(self.rates):
            self.stop_reason = f"{why} after {len(self.losses)} of {len(self.rates)} rates"

    def _divergence(self) -> str | None:
        loss, count = self.losses[-1], len(self.losses)
        place = f"at rate {self.rates[count - 1]:.3g}, {count} of {len(self.rates)}"
        if not math.isfinite(loss):
            return f"the loss became {loss} {place}"
        warm = max(3, len(self.rates) // 10)
        if self.stop_factor is None or count <= warm:
            return None
        best, start = min(self.losses), self.losses[:warm]
        limit = self.stop_factor * max(start[0] - best, max(start) - min(start))
        if loss - best <= limit:
            return None
        return (
            f"the loss {loss:.4g} rose {loss - best:.3g} above the best, limit {limit:.3g}, {place}"
        )


class EpochSweep(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets one rate per epoch and records the epoch's loss.

    Everything goes through ``self.model``: on JAX a rate set elsewhere is ignored.
    """

    async_safe = True  # counting needs no logs, so Keras need not wait for the loss of each batch

    def __init__(self, record: SweepRecord, dial: RateDial, steps: int) -> None:
        super().__init__()
        self.record, self.dial, self.steps, self.done = record, dial, steps, 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Sets the epoch's rate."""
        self.done = 0
        self.dial.turn(self.model.optimizer, self.record.rates[epoch])

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Counts the batches."""
        self.done = batch + 1

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Records the epoch, or notices that the data had nothing left for it."""
        # For an epoch without batches Keras reports the loss of another one, or 0.
        if self.done >= self.steps:
            self.record.add(logs or {})
        else:
            self.record.stop_short("the data ended")
        if self.record.stop_reason is not None:
            self.model.stop_training = True


@dataclass(frozen=True)
class SweepSettings:
    """How to train during a sweep; the names are those of ``ExponentialLRFinder.find``."""

    callbacks: tuple[Any, ...] = ()
    shuffle: bool = True
    seed: int = 0
    class_weight: Mapping[int, float] | None = None
    validation_data: Any = None
    steps_per_epoch: int | None = None
    verbose: int = 0


def sweep_epochs(model: Any, data: Any, record: SweepRecord, settings: SweepSettings) -> None:
    """One epoch per rate, in a single ``fit``.

    Args:
        model: Compiled and built; left changed.
        data: As from :func:`~tlkit.learning_rate.feed.as_fit_data`.
        record: Filled in.
        settings: How to train. The user's callbacks come first, so that the sweep's rate holds.

    Raises:
        LearningRateError: If the data gave no batch.
    """
    own = EpochSweep(record, RateDial(model.optimizer), settings.steps_per_epoch or 1)
    with warnings.catch_warnings():
        # Told in stop_reason, or raised below, with the number of rates that were reached.
        warnings.filterwarnings("ignore", "\\s*Your input ran out of data", UserWarning)
        model.fit(
            data,
            epochs=len(record.rates),
            callbacks=[*settings.callbacks, own],
            shuffle=settings.shuffle and _shuffled_by_keras(data),
            steps_per_epoch=settings.steps_per_epoch,
            validation_data=settings.validation_data,
            class_weight=settings.class_weight,
            verbose=settings.verbose,
        )
    record.stop_short("a callback stopped training")
    if not record.losses:
        raise LearningRateError(
            f"data ({type(data).__name__}) gave too few batches for one epoch of "
            f"{settings.steps_per_epoch or 1}; give more, or a smaller steps_per_epoch."
        )


def sweep_batches(model: Any, data: Any, record: SweepRecord, settings: SweepSettings) -> None:
    """One training step per rate, with the loss of that batch alone.

    ``train_on_batch`` resets Keras's running mean before each step, so that what it returns is the
    loss of this batch before its own update.

    Args:
        model: Compiled and built; left changed.
        data: As from :func:`~tlkit.learning_rate.feed.as_fit_data`; read again when it ends.
        record: Filled in.
        settings: How to train. Callbacks get train and train-batch events.
    """
    dial, total = RateDial(model.optimizer), len(record.rates)
    bar = keras.utils.Progbar(total, verbose=settings.verbose) if settings.verbose else None
    for callback in settings.callbacks:
        callback.set_model(model)
        callback.set_params({"epochs": 1, "steps": total, "verbose": settings.verbose})
    model.stop_training = False
    _tell(settings, "on_train_begin")
    batches = endless_batches(data, settings.shuffle, settings.seed)
    for step, (rate, batch) in enumerate(zip(record.rates, batches, strict=False)):
        _tell(settings, "on_train_batch_begin", step)
        dial.turn(model.optimizer, rate)
        logs = _train_step(model, batch, settings)
        _tell(settings, "on_train_batch_end", step, logs)
        record.add(logs)
        if bar is not None:
            bar.update(step + 1, [("loss", record.losses[-1])])
        if record.stop_reason is not None or model.stop_training:
            break
    _tell(settings, "on_train_end")
    record.stop_short("a callback stopped training" if model.stop_training else "the data ended")


def _tell(settings: SweepSettings, event: str, *details: Any) -> None:
    # Not through keras.callbacks.CallbackList, which hands each batch to another thread.
    for callback in settings.callbacks:
        getattr(callback, event)(*details)


def _train_step(model: Any, batch: Batch, settings: SweepSettings) -> dict[str, float]:
    x, y, weight = batch
    logs = model.train_on_batch(x, y, weight, class_weight=settings.class_weight, return_dict=True)
    return {**logs, **_validation(model, settings.validation_data)}


def _shuffled_by_keras(data: Any) -> bool:
    return isinstance(data, keras.utils.PyDataset) and not isinstance(data, ArrayBatches)


def _validation(model: Any, data: Any) -> dict[str, float]:
    if data is None:
        return {}
    # As fit does: the tuple's parts are x, y and sample_weight.
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    return {"val_loss": logs["loss"]}


def _accuracy_key(logs: Mapping[str, Any]) -> str:
    named = [key for key in logs if "acc" in key and not key.startswith("val_")]
    return named[0] if named else ""
