"""Setting the rate of an optimizer, whatever kind it is."""

from __future__ import annotations

import keras

from tlkit._keras.optimizers import inner_optimizers
from tlkit._keras.types import Optimizer
from tlkit.errors import LearningRateError


class RateDial:
    """Set the rate of one optimizer, or of all groups of a MultiOptimizer in proportion.

    The groups of a ``keras.optimizers.MultiOptimizer`` keep the ratios that they have when the dial
    is made; the rate that is set is the one of the fastest group.

    Args:
        optimizer: A built Keras optimizer.

    Raises:
        LearningRateError: If a rate cannot be set, because a schedule or function rules it.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        rates = [_settable_rate(group) for group in inner_optimizers(optimizer)]
        top = max(rates)
        self.shares = [rate / top for rate in rates] if top > 0 else [1.0] * len(rates)

    def turn(self, optimizer: Optimizer, rate: float) -> None:
        """Set the rate; take the optimizer anew because Keras may hand out another reference."""
        for group, share in zip(inner_optimizers(optimizer), self.shares, strict=True):
            group.learning_rate = rate * share


def drop_half_an_update(optimizer: Optimizer) -> None:
    """Forget gradients that were accumulated before the sweep, so that rates and updates agree."""
    for group in inner_optimizers(optimizer):
        steps = group.gradient_accumulation_steps or 1
        if steps == 1:
            continue
        for variable in group.variables:
            if "gradient_accumulator" in variable.path:
                variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
            elif variable is group.variables[0]:  # the count of steps, for all optimizers
                taken = int(keras.ops.convert_to_numpy(variable.value))
                variable.assign(taken // steps * steps)


def _settable_rate(optimizer: Optimizer) -> float:
    rate = optimizer.learning_rate
    if isinstance(rate, keras.Variable):
        return float(keras.ops.convert_to_numpy(rate.value))
    raise LearningRateError(
        f"the optimizer {optimizer.name!r} takes its learning rate from a schedule or a function, "
        "so a search cannot set it. Compile with a number, "
        f"keras.optimizers.{type(optimizer).__name__}(learning_rate=0.001), search, and put the "
        "schedule back afterwards."
    )
