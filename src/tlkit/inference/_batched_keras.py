"""A whole model run by Keras in batches, compiled once for batches of any size."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.forward import traced_forward
from tlkit._keras.types import Model
from tlkit.features.engines.engine import Engine, backend
from tlkit.features.engines.keras_engine import KerasEngine, accelerated

BATCH = 32


class BatchedKeras:
    """A model of stock layers on TensorFlow and a processor, a batch at a time.

    `KerasEngine` runs images alone, so that features that are kept depend on nothing else. A label
    that is given once need not: a batch takes half as long, and tracing what runs it a third.

    Args:
        model: A Functional keras.Model.
    """

    name = KerasEngine.name

    def __init__(self, model: Model) -> None:
        self._model = model

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the model's float32 output for images ``(n, h, w, 3)``, 0..255, n at least 1."""
        return self._run(images)

    @cached_property
    def _run(self) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
        return traced_forward(self._model, self._model.input_shape[1:])


class PaddedKeras:
    """Any model on any backend, in batches of one size, since each size is compiled.

    Args:
        model: A built keras.Model.
    """

    name = KerasEngine.name

    def __init__(self, model: Model) -> None:
        self._engine = KerasEngine(model)

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the model's float32 output for images ``(n, h, w, 3)``, 0..255, n at least 1."""
        missing = -len(images) % BATCH
        # The last picture again: a black one might be more than the model can stand.
        full = np.pad(images, [(0, missing), (0, 0), (0, 0), (0, 0)], mode="edge")
        return np.asarray(self._engine.run(full)[: len(images)])


def keras_for(model: Model, *, stock: bool) -> Engine:
    """Return Keras as it labels pictures fastest.

    Args:
        model: A built keras.Model.
        stock: Whether it is Functional, of layers that take batches of any size.
    """
    batched = stock and backend() == "tensorflow" and not accelerated()
    return BatchedKeras(model) if batched else PaddedKeras(model)
