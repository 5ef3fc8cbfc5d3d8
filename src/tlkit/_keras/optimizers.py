"""What an optimizer is made of."""

from __future__ import annotations

import math
from typing import Any

from tlkit._keras.types import Optimizer


def inner_optimizers(optimizer: Optimizer) -> list[Any]:
    """Return the optimizers that take the steps, each with a rate and settings of its own.

    Under mixed precision Keras wraps an optimizer in another that scales the loss, and a
    ``keras.optimizers.MultiOptimizer`` holds one for each group of variables.

    Args:
        optimizer: A Keras optimizer.

    Returns:
        The optimizer itself, where it is a plain one.

    Example:
        >>> import keras
        >>> scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(name="inner"))
        >>> [found.name for found in inner_optimizers(scaled)]
        ['inner']
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return list(getattr(optimizer, "optimizers", None) or [optimizer])


def steps_per_update(optimizer: Optimizer) -> int:
    """Return the training steps after which all groups of an optimizer make an update.

    Its gradient accumulation, or 1; of several groups, their least common multiple.
    """
    groups = inner_optimizers(optimizer)
    return math.lcm(*(group.gradient_accumulation_steps or 1 for group in groups))
