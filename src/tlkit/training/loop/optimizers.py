"""The optimizer of a phase: new, with a rate for each depth and averaged weights where asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tlkit._keras.layers import is_batch_norm
from tlkit._keras.optimizers import inner_optimizers
from tlkit._keras.types import Optimizer
from tlkit.errors import TrainingError
from tlkit.freezing.whole_model import Parts
from tlkit.learning_rate.rate import PhaseRate, scaled
from tlkit.training.loop._averaging import average_at_once
from tlkit.training.loop._toward_start import starts_of, toward_start
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class Rates:
    """The learning rates of a phase: numbers, or Keras schedules.

    Args:
        head: Of the head, and of the backbone where that has none of its own.
        backbone: Its own, or None.
        decay: By which the rate falls with each depth, or None.
    """

    head: PhaseRate
    backbone: PhaseRate | None = None
    decay: float | None = None

    @property
    def by_depth(self) -> str:
        """The setting by which rates differ from depth to depth; empty where they don't."""
        if self.decay is not None:
            return "layer_decay"
        return "" if self.backbone is None else "backbone_learning_rate"

    def at(self, depth: int) -> PhaseRate:
        """Return the rate of a depth, from 0 for the head."""
        rate = self.head if depth == 0 or self.backbone is None else self.backbone
        return rate if self.decay is None else scaled(rate, self.decay**depth)


def make_optimizer(
    stage: Stage,
    rates: Rates,
    parts: Parts,
    trained: Sequence[Any],
    starts: Mapping[int, np.ndarray] | None = None,
) -> Any:
    """Return a new optimizer for some variables.

    Args:
        stage: Names the optimizer, and says how strongly weights are held by their start.
        rates: Of the head and the layers below it.
        parts: The whole model.
        trained: The variables that are trained.
        starts: Values of the backbone's weights when the stage began, by the id of each; those
            that they have where there are none.

    Returns:
        A ``keras.optimizers.Optimizer``; where rates differ by depth a built
        ``keras.optimizers.MultiOptimizer`` with one optimizer for each, each of which updates
        its variables just as it would alone.

    Raises:
        TrainingError: Rates by depth with a Keras that lacks MultiOptimizer, a function that
            returns no optimizer, or a variable that is in no layer or in two of different rates.
    """
    told = f"Stage {stage.name!r}: {rates.by_depth}"
    held = (starts or starts_of(parts.backbone)) if stage.l2_sp is not None else {}
    if not rates.by_depth:
        return _held(new_optimizer(stage, rates.head), stage, held)
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        raise TrainingError(
            f"{told} needs keras.optimizers.MultiOptimizer of Keras 3.15, and this is Keras "
            f"{keras.__version__}. Install a newer one, or leave {rates.by_depth} out."
        )
    depths = _depths_of(trained, parts, rates, told)
    made: dict[int, Any] = {}
    for depth in sorted(set(depths.values())):
        made[depth] = _held(new_optimizer(stage, rates.at(depth)), stage, held)
        # Callbacks note the rates by this name; those that Keras gives count through the process.
        made[depth].name = f"depth_{depth}"
    by_path = _by_path(trained, [made[depths[id(variable)]] for variable in trained], told)
    chosen = keras.optimizers.OptimizerMap(made[min(made)], by_path)
    optimizer = keras.optimizers.MultiOptimizer(chosen)
    # Built at once, since callbacks and searches look for its optimizers before the first step.
    optimizer.build(list(trained))
    return optimizer


def _held(optimizer: Any, stage: Stage, starts: Mapping[int, np.ndarray]) -> Any:
    return optimizer if stage.l2_sp is None else toward_start(optimizer, stage.l2_sp, starts)


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
    if optimizer.use_ema:
        average_at_once(optimizer)
    return optimizer


def _by_path(trained: Sequence[Any], optimizers: Sequence[Any], told: str) -> dict[str, Any]:
    """Return the optimizer of each variable by its path, as Keras tells variables apart."""
    by_path: dict[str, Any] = {}
    for variable, optimizer in zip(trained, optimizers, strict=True):
        if by_path.setdefault(variable.path, optimizer) is not optimizer:
            raise TrainingError(
                f"{told}, and two layers of different depth have a variable called "
                f"{variable.path!r}. Give the layers names of their own."
            )
    return by_path


def _depths_of(trained: Sequence[Any], parts: Parts, rates: Rates, told: str) -> dict[int, int]:
    """Return the depth of each variable by its id; without a decay, 1 for all of the backbone."""
    depths: dict[int, int] = {}
    for layer, below in layer_depths(parts):
        depth = below if rates.decay is not None else min(below, 1)
        for variable in layer.trainable_variables:
            known = depths.setdefault(id(variable), depth)
            if known != depth:
                raise TrainingError(
                    f"{told}, and {variable.path!r} belongs to layers of depth {known} and "
                    f"{depth}, which have different rates. Leave {rates.by_depth} out, or freeze "
                    "the layers."
                )
    lost = [variable.path for variable in trained if id(variable) not in depths]
    if lost:
        raise TrainingError(
            f"{told}, and {lost[0]!r} is trained but in no layer of the model, so it has no rate. "
            f"Leave {rates.by_depth} out."
        )
    return depths
