"""An optimizer whose update is one compiled function, on TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


def compile_updates(optimizer: Any, variables: Sequence[Any]) -> None:
    """Let an optimizer update its variables in one go: on TensorFlow a third of a step's time.

    Adam's dozen operations each go through all of the stacked weights otherwise.
    """
    optimizer.build(variables)
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    apply = optimizer.apply
    compiled = tf.function(lambda *gradients: apply(list(gradients), variables), jit_compile=True)

    def apply_compiled(gradients: Any, trainable_variables: Any = None) -> Any:  # noqa: ARG001
        return compiled(*gradients)

    optimizer.apply = apply_compiled
