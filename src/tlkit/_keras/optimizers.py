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


def epochs_per_rate(optimizer: Optimizer, steps: int, *, fresh: bool) -> int:
    """Return the epochs that a search by epoch takes for a rate.

    Args:
        optimizer: Of the model.
        steps: Of an epoch.
        fresh: Whether each rate starts anew: then one more step shows the loss after its update.

    Example:
        >>> import keras
        >>> slow = keras.optimizers.SGD(gradient_accumulation_steps=7)
        >>> epochs_per_rate(slow, 3, fresh=False), epochs_per_rate(slow, 7, fresh=True)
        (3, 2)
    """
    return math.ceil((steps_per_update(optimizer) + fresh) / steps)
