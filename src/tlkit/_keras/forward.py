"""A model's output for batches of any size, from one trace, on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model


def traced_forward(
    model: Model, shape: Sequence[int | None]
) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Return what runs a model in inference mode, where TensorFlow is Keras's backend.

    ``predict`` traces once for the size of the first batch and once more for any other, each time
    two to three times longer.

    Args:
        model: A Functional keras.Model of stock layers.
        shape: Of one of its inputs, without the batch axis.

    Returns:
        From ``(n, *shape)``, n at least 1, to float32.
    """
    import tensorflow as tf

    signature = tf.TensorSpec((None, *shape), "float32")
    function = tf.function(lambda x: model(x, training=False), autograph=False)
    traced = function.get_concrete_function(signature)
    return lambda batch: np.asarray(traced(tf.constant(batch, "float32")), "float32")
