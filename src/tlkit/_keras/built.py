"""Variables of a compiled model made before ``fit``, so that TensorFlow reads its step once."""

from __future__ import annotations

import numpy as np

from tlkit._keras.fit_types import CompiledModel


def build_compiled(model: CompiledModel, targets: np.ndarray) -> None:
    """Make the variables of the optimizer and the metrics of a compiled model.

    Otherwise ``fit`` makes them while TensorFlow traces the first training step. A traced function
    that made variables is traced again, and the start of every training takes twice as long.

    Args:
        model: A compiled functional ``keras.Model`` of one output.
        targets: Of at least one image, in the form that the loss takes; their values do not count.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
        >>> model.compile("adam", "mse", metrics=["mae"])
        >>> build_compiled(model, np.zeros((1, 3), "float32"))
        >>> model.optimizer.built, len(model.metrics_variables)
        (True, 4)
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    sizes = [size or 1 for size in model.output_shape[1:]]
    outputs = np.zeros((len(targets), *sizes), "float32")
    model.compute_metrics(None, targets, outputs)
    model.reset_metrics()
