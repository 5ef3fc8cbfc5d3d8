"""A sweep of a borrowed model, by batch or by epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from tlkit._keras.fit_types import CompiledModel, FitBatches
from tlkit.learning_rate.sweep._borrowed import borrowed
from tlkit.learning_rate.sweep._by_batch import sweep_batches
from tlkit.learning_rate.sweep._by_epoch import sweep_epochs
from tlkit.learning_rate.sweep._refusals import losses_are_named
from tlkit.learning_rate.sweep.measurements import Measurements
from tlkit.learning_rate.sweep.settings import SweepSettings


def sweep(
    model: CompiledModel,
    batches: FitBatches,
    measured: Measurements,
    settings: SweepSettings,
    *,
    unit: Literal["epoch", "batch"],
    again: bool,
) -> None:
    """Train a model through all rates and put it back.

    Args:
        model: Compiled and built.
        batches: As from :func:`~tlkit.learning_rate.sweep.batches.as_fit_data`.
        measured: Filled in.
        settings: How to train.
        unit: What is trained at each rate.
        again: Whether each rate begins with the model as it came.
    """
    run = sweep_batches if unit == "batch" else sweep_epochs
    with borrowed(model, settings.seed) as loan, losses_are_named(model):
        begun = settings.keeper.read() if settings.keeper else None
        if begun is not None:
            measured.go_on(begun.losses, begun.accuracies, begun.validation_losses)
            if not again and not measured.complete:
                loan.put(begun.values)
        own = replace(
            settings,
            begin_again=loan.begin_again if again else None,
            kept_values=list if again else loan.values,
        )
        run(model, batches, measured, own)
