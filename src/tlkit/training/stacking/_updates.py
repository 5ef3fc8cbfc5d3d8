"""One optimizer for heads that have rates and weight decays of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tlkit.learning_rate.rate import PhaseRate, Rate
from tlkit.training.loop.optimizers import new_optimizer
from tlkit.training.stacking.member import Member
from tlkit.training.stage import Stage

# Those whose update of a weight follows from that weight's gradients alone, so that stacking
# changes nothing.
ELEMENTWISE = tuple(
    getattr(keras.optimizers, name)
    for name in (
        "SGD",
        "RMSprop",
        "Adam",
        "AdamW",
        "Adamax",
        "Nadam",
        "Adagrad",
        "Adadelta",
        "Lion",
    )
)
_ACROSS_WEIGHTS = ("clipnorm", "global_clipnorm", "use_ema", "gradient_accumulation_steps")
_OF_MEMBERS = ("name", "learning_rate", "weight_decay")


def stacked_optimizer(members: Sequence[Member]) -> Any:
    """Return an optimizer that takes each member's step at its own rate and decay.

    Args:
        members: Whose optimizers are alike but for these.
    """
    steps = members[0].steps * members[0].stage.epochs
    rates = [Rate.of(member.stage.learning_rate).for_phase(steps=steps) for member in members]
    optimizer = new_optimizer(members[0].stage, _Rates(rates))
    decays = [new_optimizer(x.stage, 1e-3).weight_decay or 0.0 for x in members]
    if any(decays):
        optimizer.weight_decay = np.array(decays, "float32")[:, None, None]
    return optimizer


def optimizer_shape(stage: Stage) -> tuple[Any, ...] | None:
    """Return what optimizers that are stacked have in common; None where one cannot be."""
    optimizer = new_optimizer(stage, 1e-3)
    if type(optimizer) not in ELEMENTWISE:
        return None
    config = optimizer.get_config()
    names = [name for name in vars(optimizer) if name.startswith("_exclude_from_weight_decay")]
    if any(config.get(name) for name in _ACROSS_WEIGHTS) or any(
        getattr(optimizer, x) for x in names
    ):
        return None
    kept = {name: value for name, value in config.items() if name not in _OF_MEMBERS}
    return (type(optimizer).__name__, *sorted((name, repr(value)) for name, value in kept.items()))


class _Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The rates of all members, as what stands before weights of rank 3."""

    def __init__(self, rates: Sequence[PhaseRate]) -> None:
        super().__init__()
        self._rates = tuple(rates)

    def __call__(self, step: Any) -> Any:
        """Return the rates of a step, float32 (members, 1, 1)."""
        if all(isinstance(rate, float) for rate in self._rates):
            return ops.convert_to_tensor(np.array(self._rates, "float32")[:, None, None])
        now = [rate if isinstance(rate, float) else rate(step) for rate in self._rates]
        return ops.stack([ops.cast(rate, "float32") for rate in now])[:, None, None]

    def get_config(self) -> dict[str, Any]:
        """Return nothing: it is never saved."""
        return {}
