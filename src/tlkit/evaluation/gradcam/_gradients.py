"""Gradients of class scores by feature maps, on any Keras backend.

Keras has no public function for gradients, but it trains on every backend. So zeros that can be
trained are added to the feature map, and one step of plain gradient descent with learning rate 1
leaves exactly the negative gradient in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Tensor
from tlkit.evaluation.gradcam.feature_map import Cut, Floats


class Gradients:
    """Differentiate what follows a cut.

    Args:
        cut: Where the feature map is.
        batch: Largest number of images at a time.
    """

    def __init__(self, cut: Cut, batch: int) -> None:
        self._batch = batch
        shape = cut.shape
        features = keras.Input(shape, batch_size=batch, dtype="float32")
        self._added = _Added((batch, *shape), dtype="float32")
        more = cut.before.outputs[1:]
        beside = [keras.Input(x.shape[1:], batch_size=batch, dtype="float32") for x in more]
        scores = _Following(cut, dtype="float32")(self._added(features), *beside)
        self._step = keras.Model([features, *beside] if beside else features, scores)
        self._step.compile(
            keras.optimizers.SGD(1.0), _ChosenScores(), run_eagerly=True, auto_scale_loss=False
        )

    def of(self, features: Floats, beside: Sequence[Floats], chosen: Floats) -> NDArray[np.float32]:
        """Return the gradient of each image's chosen score by its feature map.

        Args:
            features: Shape (n, h, w, k), n at most the batch.
            beside: What passes the feature map, each of shape (n, channels).
            chosen: One-hot rows, shape (n, classes).

        Returns:
            float32 of shape (n, h, w, k).
        """
        count = len(features)
        rows = np.minimum(np.arange(self._batch), count - 1)  # the last batch is filled up
        self._added.zeros.assign(np.zeros(self._added.zeros.shape, np.float32))
        given = [np.asarray(each, np.float32)[rows] for each in (features, *beside)]
        self._step.train_on_batch(given if beside else given[0], chosen[rows])
        return -np.asarray(keras.ops.convert_to_numpy(self._added.zeros.value)[:count])


class _Added(keras.layers.Layer):  # type: ignore[misc]
    """Add zeros that can be trained, for each image its own."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        super().__init__(dtype=dtype)
        self.zeros = self.add_weight(shape=shape, initializer="zeros", name="zeros")

    def call(self, features: Tensor) -> Any:
        return features + self.zeros


class _Following(keras.layers.Layer):  # type: ignore[misc]
    """What follows the cut, at inference.

    Held as a function, which Keras does not look into: no weight of the model is trained or has
    its ``trainable`` flag changed, no statistic moves and no dropout acts.
    """

    def __init__(self, cut: Cut, dtype: str) -> None:
        super().__init__(dtype=dtype)
        self._apply: Callable[..., Any] = lambda *given: cut.following(*given)

    def call(self, features: Tensor, *beside: Tensor) -> Any:
        return keras.ops.cast(self._apply(features, *beside), "float32")


class _ChosenScores(keras.losses.Loss):  # type: ignore[misc]
    """The sum of the chosen scores: each image's gradient is then of its own score alone."""

    def __init__(self) -> None:
        super().__init__(reduction="sum")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Any:
        return keras.ops.sum(y_true * y_pred, axis=-1)
