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


def on_one_device(optimizer: Any) -> None:
    """Leave out of an optimizer's steps the sum over devices, where there is one device.

    On TensorFlow, Keras sums gradients over replicas, also over one, by a function with a gradient
    of its own. TensorFlow keeps such for ever, with the graph of the training and all variables in
    it: each ``fit`` would leave the weights of its model, and what the optimizer has beside them,
    in memory (TensorFlow 2.21, Keras 3.15). The steps stay what they are.

    Args:
        optimizer: Of a training that is not spread over devices.
    """
    for inner in inner_optimizers(optimizer):
        inner._all_reduce_sum_gradients = list


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
