"""A function of one element, for each of a batch, in one compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tlkit._keras.types import Tensor


def mapped(
    function: Callable[[Tensor], Tensor], elements: Tensor, *, shape: Sequence[int | None]
) -> Tensor:
    """Return what a function gives for each element, one after the other, as ``keras.ops.map``.

    Args:
        function: Of one element, to a float32 tensor.
        elements: ``(n, ...)``.
        shape: Of what the function gives. Told it, TensorFlow need not trace the function once
            more to find it; where a size in it is None, it does.

    Returns:
        ``(n, *shape)``, float32.

    Example:
        >>> import numpy as np
        >>> tuple(mapped(lambda row: 2 * row, np.eye(3, dtype="float32"), shape=(3,)).shape)
        (3, 3)
    """
    import keras

    outputs: Tensor
    if keras.backend.backend() != "tensorflow" or None in shape:
        outputs = keras.ops.map(function, elements)
        return outputs
    import tensorflow as tf

    outputs = tf.map_fn(function, elements, fn_output_signature=tf.TensorSpec(shape, tf.float32))
    return outputs
