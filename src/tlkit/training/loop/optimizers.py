"""The optimizer of a phase: new, with a rate for each depth and averaged weights where asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tlkit._keras.layers import is_batch_norm
from tlkit._keras.optimizers import inner_optimizers
from tlkit._keras.types import Optimizer
from tlkit.errors import TrainingError
from tlkit.freezing.whole_model import Parts
from tlkit.learning_rate.rate import PhaseRate, scaled
from tlkit.training.stage import Stage


def make_optimizer(stage: Stage, rate: PhaseRate, parts: Parts, trained: Sequence[Any]) -> Any:
    """Return a new optimizer for some variables.

    Args:
        stage: Names the optimizer, and says how its rate falls with depth.
        rate: Learning rate of the head: a number or a Keras schedule.
        parts: The whole model.
        trained: The variables that are trained.

    Returns:
        A ``keras.optimizers.Optimizer``; with ``layer_decay`` a built
        ``keras.optimizers.MultiOptimizer`` with one optimizer for each depth, each of which updates
        its variables just as it would alone.

    Raises:
        TrainingError: ``layer_decay`` with a Keras that lacks MultiOptimizer, a function that
            returns no optimizer, or a variable that is in no layer or in two of different rates.
    """
    if stage.layer_decay is None:
        return new_optimizer(stage, rate)
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        raise TrainingError(
            f"Stage {stage.name!r}: layer_decay needs keras.optimizers.MultiOptimizer of Keras "
            f"3.15, and this is Keras {keras.__version__}. Install a newer one, or leave "
            "layer_decay out."
        )
    depths = _depths_of(trained, parts, stage.name)
    made: dict[int, Any] = {}
    for depth in sorted(set(depths.values())):
        made[depth] = new_optimizer(stage, scaled(rate, stage.layer_decay**depth))
        # Callbacks note the rates by this name; those that Keras gives count through the process.
        made[depth].name = f"depth_{depth}"
    by_path = _by_path(trained, [made[depths[id(variable)]] for variable in trained], stage.name)
    chosen = keras.optimizers.OptimizerMap(made[min(made)], by_path)
    optimizer = keras.optimizers.MultiOptimizer(chosen)
    # Built at once, since callbacks and searches look for its optimizers before the first step.
    optimizer.build(list(trained))
    return optimizer


def layer_depths(parts: Parts) -> list[tuple[Any, int]]:
    """Return each layer that has weights, and how far it lies below the head.

    The head has depth 0. In the backbone each layer with weights is one deeper than the one
    above it, counted as Keras lists them; a BatchNormalization has the depth of the next other
    layer below it, whose output it normalizes. Whether layers are trained plays no part, so a
    layer keeps its rate while a policy unfreezes others.
    """
    depths = [(layer, 0) for layer in parts.head if layer.weights]
    above = 0
    for layer in reversed(parts.backbone):
        if layer.weights:
            depths.append((layer, above + 1))
            above += 0 if is_batch_norm(layer) else 1
    return depths


def averages(optimizer: Optimizer) -> bool:
    """Return whether an optimizer keeps an exponential moving average of the weights."""
    return any(inner.use_ema for inner in inner_optimizers(optimizer))


def new_optimizer(stage: Stage, rate: PhaseRate) -> Any:
    """Return the optimizer that a stage names, for one rate.

    Raises:
        TrainingError: Keras knows none of that name, or the stage's function returned none.
    """
    given = stage.optimizer
    try:
        optimizer = given(rate) if callable(given) else type(keras.optimizers.get(given))(rate)
    except ValueError as error:
        if callable(given):
            raise
        raise TrainingError(
            f"Stage {stage.name!r}: optimizer={given!r}, and Keras knows none of that name, "
            "expected one such as 'adam', 'adamw' or 'sgd'."
        ) from error
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TrainingError(
            f"Stage {stage.name!r}: its optimizer function returned {optimizer!r}, expected a "
            "keras.optimizers.Optimizer."
        )
    if stage.ema is not None:
        optimizer.use_ema, optimizer.ema_momentum = True, stage.ema
    return optimizer


def _by_path(trained: Sequence[Any], optimizers: Sequence[Any], stage: str) -> dict[str, Any]:
    """Return the optimizer of each variable by its path, as Keras tells variables apart."""
    by_path: dict[str, Any] = {}
    for variable, optimizer in zip(trained, optimizers, strict=True):
        if by_path.setdefault(variable.path, optimizer) is not optimizer:
            raise TrainingError(
                f"Stage {stage!r}: layer_decay, and two layers of different depth have a variable "
                f"called {variable.path!r}. Give the layers names of their own."
            )
    return by_path


def _depths_of(trained: Sequence[Any], parts: Parts, stage: str) -> dict[int, int]:
    """Return the depth of each variable by its id."""
    depths: dict[int, int] = {}
    for layer, depth in layer_depths(parts):
        for variable in layer.trainable_variables:
            known = depths.setdefault(id(variable), depth)
            if known != depth:
                raise TrainingError(
                    f"Stage {stage!r}: layer_decay, and {variable.path!r} belongs to layers of "
                    f"depth {known} and {depth}, which have different rates. Leave layer_decay "
                    "out, or freeze the layers."
                )
    lost = [variable.path for variable in trained if id(variable) not in depths]
    if lost:
        raise TrainingError(
            f"Stage {stage!r}: layer_decay, and {lost[0]!r} is trained but in no layer of the "
            "model, so it has no rate. Leave layer_decay out."
        )
    return depths
