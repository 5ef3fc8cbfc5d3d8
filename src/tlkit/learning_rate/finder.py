"""ExponentialLRFinder: tries rising learning rates on a model and gives it back unchanged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tlkit._keras.fit_types import CompiledModel, FitBatches, FitData
from tlkit._keras.types import Callback
from tlkit.errors import LearningRateError
from tlkit.learning_rate._checks import check_factor, check_range, check_whole
from tlkit.learning_rate.curve import LRCurve, Selector
from tlkit.learning_rate.selectors.smoothed_minimum import SmoothedMinimum
from tlkit.learning_rate.selectors.smoothing import Floats
from tlkit.learning_rate.sweep.kept import SweepKeeper
from tlkit.learning_rate.sweep.measurements import Measurements
from tlkit.learning_rate.sweep.settings import SweepSettings


@dataclass(frozen=True)
class ExponentialLRFinder:
    """Learning rates that rise geometrically, one per epoch or per batch.

    The rates are ``min_lr * (max_lr / min_lr) ** (i / (steps - 1))``, i = 0 .. steps - 1: the first
    is exactly ``min_lr``, the last exactly ``max_lr``.

    Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017 (one step
    per rate, ``unit="batch"``); stage 4 of the Rakuten study (an epoch per rate, ``unit="epoch"``).

    Args:
        min_lr: First rate, above 0.
        max_lr: Last rate, above ``min_lr``.
        steps: Number of rates, at least 3.
        unit: "epoch" trains one epoch per rate, "batch" one step.
        selector: Chooses the rate: any callable that takes an `LRCurve`.
        stop_factor: Stops where the loss has risen above the best by more than this many times the
            larger of what was gained since the first loss and the range of the losses of the first
            tenth; 4 is a good value. Meaningful for losses below zero too. None stops only
            where the loss is not finite.
        fresh_start: Whether each rate begins with the weights, optimizer state and random state
            that the model came with: a fair curve, on which no rate profits from those before it.
            The usual sweep goes on from rate to rate. With ``unit="batch"`` each rate makes one
            update on the first batch, and its loss is that of the second.

    Raises:
        LearningRateError: If a setting is out of its range.

    Example:
        >>> from tlkit import ExponentialLRFinder
        >>> [round(float(r), 4) for r in ExponentialLRFinder(1e-3, 1e-1, steps=3).learning_rates]
        [0.001, 0.01, 0.1]
    """

    min_lr: float = 1e-5
    max_lr: float = 2.54
    steps: int = 100
    unit: Literal["epoch", "batch"] = "epoch"
    selector: Selector = field(default_factory=SmoothedMinimum)
    stop_factor: float | None = None
    fresh_start: bool = False

    def __post_init__(self) -> None:
        check_range(self.min_lr, self.max_lr)
        check_whole("steps", self.steps, 3)
        if self.unit not in ("epoch", "batch"):
            raise LearningRateError(f'unit={self.unit!r}: expected "epoch" or "batch".')
        if not callable(self.selector):
            raise LearningRateError(
                f"selector={self.selector!r}: expected a callable that takes a curve and returns a "
                "rate, such as SmoothedMinimum()."
            )
        check_factor("stop_factor", self.stop_factor)
        if not isinstance(self.fresh_start, bool):
            raise LearningRateError(f"fresh_start={self.fresh_start!r}: expected True or False.")

    @classmethod
    def study(
        cls,
        steps: int = 100,
        *,
        unit: Literal["epoch", "batch"] = "epoch",
        selector: Selector | None = None,
        stop_factor: float | None = None,
        fresh_start: bool = False,
    ) -> ExponentialLRFinder:
        """Make the Rakuten study's sequence, ``1e-5 * 100 ** (epoch / 37)`` for ``steps`` epochs.

        Args:
            steps: Number of epochs; the study used 100, which end at 2.2457.
            unit: As for the class, like all that follow.
            selector: The study's, `SmoothedMinimum`, where None.
            stop_factor: As for the class.
            fresh_start: As for the class.
        """
        last = 1e-5 * 100.0 ** ((steps - 1) / 37)
        chosen = SmoothedMinimum() if selector is None else selector
        return cls(1e-5, last, steps, unit, chosen, stop_factor, fresh_start)

    @property
    def learning_rates(self) -> Floats:
        """The rates, float64 of shape (steps,), rising."""
        return np.geomspace(self.min_lr, self.max_lr, self.steps)

    def find(
        self,
        model: CompiledModel,
        data: FitData,
        y: FitData | None = None,
        *,
        batch_size: int = 32,
        steps_per_epoch: int | None = None,
        validation_data: FitData | None = None,
        class_weight: Mapping[int, float] | None = None,
        callbacks: Sequence[Callback] = (),
        shuffle: bool = True,
        seed: int = 0,
        fresh_start: bool | None = None,
        keeper: SweepKeeper | None = None,
        verbose: int = 0,
    ) -> LRCurve:
        """Train ``model`` through all rates, put it back bit for bit, and return the curve.

        Put back, also after an exception or Ctrl-C: weights, BatchNormalization statistics, random
        seeds, metrics, the optimizer's slots, iterations and learning rate, ``stop_training``,
        ``history``, the functions that Keras compiled, and Python's and NumPy's global random
        generators. What cannot be put back is the state of the caller's own objects: a data set
        that draws at random has moved on, a callback remembers what it saw; and the generator that
        Keras keeps for ``keras.random`` calls without a seed. A model or optimizer without
        variables gets them, at their first values; on JAX, whose first ``fit`` draws one order of
        arrays only to make them, that fit then shuffles otherwise.

        Args:
            model: A compiled ``keras.Model`` with something trainable.
            data: What ``fit`` takes: inputs (with ``y``), ``(x, y)``, ``(x, y, sample_weight)``, a
                ``keras.utils.PyDataset``, a ``tf.data.Dataset``, a generator or a torch
                ``DataLoader``; with ``unit="batch"`` any iterable of batches.
            y: Targets, where ``data`` is only the inputs.
            batch_size: Samples per batch where ``data`` is arrays; else the data decides.
            steps_per_epoch: Batches per epoch, for ``unit="epoch"``. Needed where the data has no
                end or can be read only once. Arrays begin anew where they end.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)`` or batches that can be read again
                and again. Its loss after each rate is recorded too, which costs one pass over it
                per rate: per step, with ``unit="batch"``.
            class_weight: Weight of each class, as in ``fit``.
            callbacks: Keras callbacks. ``unit="batch"`` sends them train and train-batch events.
            shuffle: Whether arrays are shuffled anew in every pass, and batches of a PyDataset.
            seed: Start of every random order made here, 0 or above.
            fresh_start: In place of the finder's own; None keeps that.
            keeper: Keeps how far a search by epoch is, so that one that was interrupted goes on,
                as `tlkit.StagedTrainer` does; ``data`` begins behind the rates that it knows.
            verbose: 0 for silence, 1 for a progress bar, 2 (per epoch) for a line per rate.

        Returns:
            The curve; ``curve.suggestion`` is the rate. It ends early where the loss is not finite,
            where ``stop_factor`` says so, or where the data ends; ``curve.stop_reason`` tells.

        Raises:
            LearningRateError: If the model is not compiled or has nothing to train, the optimizer's
                rate is ruled by a schedule, the data holds no batch, or cannot be read as often
                as the search needs.

        Example:
            >>> import keras, numpy as np
            >>> from tlkit import ExponentialLRFinder
            >>> keras.utils.set_random_seed(0)
            >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
            >>> model.compile(keras.optimizers.SGD(), "mse")
            >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
            >>> finder = ExponentialLRFinder(1e-3, 10, steps=30, unit="batch")
            >>> curve = finder.find(model, x, x @ np.ones((4, 1), "float32"))
            >>> 0.001 < curve.suggestion < 10
            True
        """
        # Here, because it loads Keras, which a finder among the settings of a stage needs not.
        from tlkit.learning_rate.sweep._sweep import sweep

        again = self.fresh_start if fresh_start is None else fresh_start
        settings = SweepSettings(
            callbacks=tuple(callbacks),
            shuffle=shuffle,
            seed=seed,
            class_weight=class_weight,
            validation_data=validation_data,
            steps_per_epoch=steps_per_epoch,
            verbose=verbose,
            keeper=keeper,
        )
        batches = self._checked(model, data, y, batch_size, settings, again=again)
        measured = Measurements(self.learning_rates.tolist(), self.stop_factor)
        sweep(model, batches, measured, settings, unit=self.unit, again=again)
        return self._curve(measured)

    def _checked(
        self,
        model: CompiledModel,
        data: FitData,
        y: FitData | None,
        batch_size: int,
        settings: SweepSettings,
        *,
        again: bool,
    ) -> FitBatches:
        """Return the batches of a search that can be made; the model is built."""
        from tlkit.learning_rate.sweep import _refusals as refuse
        from tlkit.learning_rate.sweep.batches import as_fit_data, first_batch

        refuse.check_model(model)
        check_whole("batch_size", batch_size, 1)
        check_whole("seed", settings.seed, 0)
        refuse.check_validation(settings.validation_data)
        batches = as_fit_data(data, y, batch_size, settings.shuffle, settings.seed)
        self._check_steps(settings.steps_per_epoch)
        if self.unit == "epoch":
            refuse.check_passes(batches, settings.steps_per_epoch, self.steps, again=again)
        if not model.built:
            model(first_batch(batches)[0])
        refuse.check_trainable(model)
        return batches

    def _check_steps(self, steps_per_epoch: int | None) -> None:
        if steps_per_epoch is None:
            return
        if self.unit == "epoch":
            check_whole("steps_per_epoch", steps_per_epoch, 1)
        else:
            raise LearningRateError(
                f'steps_per_epoch={steps_per_epoch!r} with unit="batch", where each rate has one '
                "step. Leave it out."
            )

    def _curve(self, measured: Measurements) -> LRCurve:
        def known(values: list[float]) -> list[float] | None:
            return None if all(math.isnan(v) for v in values) else values

        return LRCurve(
            self.learning_rates[: len(measured.losses)],
            measured.losses,
            known(measured.accuracies),
            selector=self.selector,
            validation_losses=known(measured.validation_losses),
            stop_reason=measured.stop_reason,
        )
