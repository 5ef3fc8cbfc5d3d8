"""Heads of one shape as one model: every weight has a leading axis of members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from tlkit._keras.types import Tensor
from tlkit._task import Task
from tlkit.training.stacking.member import Dense, Dropout, Member


class StackedHeads(keras.Model):  # type: ignore[misc]
    """Takes rows of the features by number and gives the probabilities of all members.

    Its loss is the sum of the members' losses, so that each weight has the gradient of its own.

    Input: int32 ``(batch, members)``, rows of the features; -1 for none, where a member's batch is
    shorter than others'.

    Args:
        members: Of one shape.
        features: float32 ``(n, inputs)``, of all images.
        labels: Class numbers ``(n,)``, or 0 or 1 for each label ``(n, labels)``.
    """

    def __init__(
        self, members: Sequence[Member], features: NDArray[np.float32], labels: NDArray[Any]
    ) -> None:
        super().__init__(name="stacked_heads")
        targets = members[0].targets
        self._members, self._task, self._classes = tuple(members), targets.task, targets.classes
        numbers = labels.ndim == 1
        self._features = self._constant(features, "features")
        self._labels = self._constant(labels.astype("int32" if numbers else "float32"), "labels")
        self._one_hot = any(member.targets.one_hot for member in members)
        self._smoothing = np.array([[m.targets.smoothing] for m in members], "float32")[..., None]
        given = [member.targets.weights for member in members]
        self._class_weights = (
            None if given[0] is None else np.stack([x for x in given if x is not None])
        )
        self._layers_in_order = [
            self._dense(stacked) if isinstance(stacked[0], Dense) else _Masks(stacked)
            for stacked in zip(*(member.layers for member in members), strict=True)
        ]
        self._counts = [_EachMean(name, len(members)) for name in ("loss", "accuracy")]

    @property
    def metrics(self) -> list[Any]:
        """Loss and accuracy of each member."""
        return self._counts

    @property
    def stacked(self) -> list[Any]:
        """The weights, (members, inputs, units) and (members, 1, units), in order of the layers."""
        return [
            w for layer in self._layers_in_order if isinstance(layer, _Dense) for w in layer.weights
        ]

    def call(self, rows: Tensor, training: bool = False) -> Any:
        """Return the probabilities, (members * batch, outputs)."""
        places = ops.transpose(ops.maximum(rows, 0))
        x = ops.take(self._features, places, axis=0)
        for layer in self._layers_in_order:
            x = layer(x, training=training)
        return x

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,  # noqa: ARG002
        y_pred: Any = None,
        sample_weight: Any = None,  # noqa: ARG002
        training: bool = True,
    ) -> Any:
        """Return the sum of the members' losses, and count each."""
        rows = ops.transpose(x)
        there = ops.cast(rows >= 0, "float32")
        labels = ops.take(self._labels, ops.maximum(rows, 0), axis=0)
        images, given = ops.sum(there, axis=1), ops.shape(rows)
        losses = ops.reshape(self._loss_of_each(labels, y_pred), given) * there
        if training and self._class_weights is not None:
            losses = losses * ops.take_along_axis(
                ops.convert_to_tensor(self._class_weights), labels, 1
            )
        total = ops.sum(losses, axis=1)
        right = ops.sum(ops.reshape(self._right_of_each(labels, y_pred), given) * there, axis=1)
        for count, value in zip(self._counts, (total, right), strict=True):
            count.update_state(value, images)
        return ops.sum(total / images)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:  # noqa: ARG002
        """Return what `compute_loss` has counted."""
        return self.get_metrics_result()

    def _loss_of_each(self, labels: Any, probabilities: Any) -> Any:
        if self._task is Task.MULTICLASS and not self._one_hot:
            flat = ops.reshape(labels, (-1,))
            return keras.losses.sparse_categorical_crossentropy(flat, probabilities)
        softmax = self._task is Task.MULTICLASS
        wanted = ops.one_hot(labels, self._classes) if softmax else self._of_sigmoids(labels)
        even = 1 / self._classes if softmax else 0.5
        wanted = wanted * (1 - self._smoothing) + self._smoothing * even
        loss = (
            keras.losses.categorical_crossentropy if softmax else keras.losses.binary_crossentropy
        )
        return loss(ops.reshape(wanted, ops.shape(probabilities)), probabilities)

    def _right_of_each(self, labels: Any, probabilities: Any) -> Any:
        if self._task is Task.MULTICLASS:
            chosen = ops.cast(ops.argmax(probabilities, axis=-1), "int32")
            return ops.cast(ops.equal(chosen, ops.reshape(labels, (-1,))), "float32")
        wanted = ops.reshape(self._of_sigmoids(labels), ops.shape(probabilities))
        chosen = ops.cast(probabilities > 0.5, "float32")
        return ops.mean(ops.cast(ops.equal(chosen, wanted), "float32"), axis=-1)

    def _of_sigmoids(self, labels: Any) -> Any:
        return ops.cast(labels[..., None] if self._task is Task.BINARY else labels, "float32")

    def _constant(self, value: NDArray[Any], name: str) -> Any:
        made = self.add_weight(
            shape=value.shape,
            dtype=str(value.dtype),
            initializer="zeros",
            trainable=False,
            name=name,
        )
        made.assign(value)
        return made

    def _dense(self, stacked: Sequence[Any]) -> _Dense:
        last = stacked[0] is self._members[0].layers[-1]
        return _Dense(stacked, flat=last)


class _Dense(keras.layers.Layer):  # type: ignore[misc]
    """Dense layers of all members.

    Args:
        stacked: One for each member.
        flat: Whether members and batch become one axis before the activation, as losses of Keras
            that look for the logits want it.
    """

    def __init__(self, stacked: Sequence[Dense], *, flat: bool) -> None:
        super().__init__(dtype="float32")
        self._flat = flat
        self._activation = keras.activations.get(stacked[0].activation)
        self.kernel = self._given([each.kernel for each in stacked])
        self.bias = None
        if stacked[0].bias is not None:
            self.bias = self._given([each.bias[None] for each in stacked if each.bias is not None])
        self.built = True

    def _given(self, arrays: Sequence[NDArray[np.float32]]) -> Any:
        value = np.stack(arrays)
        made = self.add_weight(shape=value.shape, initializer="zeros")
        made.assign(value)
        return made

    def call(self, x: Any, training: bool = False) -> Any:  # noqa: ARG002
        """Return (members, batch, units), or (members * batch, units)."""
        x = ops.matmul(x, self.kernel)
        if self.bias is not None:
            x = x + self.bias
        if self._flat:
            x = ops.reshape(x, (-1, self.kernel.shape[-1]))
        return self._activation(x)


class _Masks(keras.layers.Layer):  # type: ignore[misc]
    """Dropout of all members, each with the masks of its own run.

    Members of one seed and rate, as the folds of a repeat are, drop the same: it is drawn once. A
    batch that is shorter in a member's own run has the first rows of a longer one's mask.

    Args:
        stacked: One for each member.
    """

    def __init__(self, stacked: Sequence[Dropout]) -> None:
        super().__init__(dtype="float32")
        self._rates = [each.rate for each in dict.fromkeys(stacked)]
        starts = [each.start for each in dict.fromkeys(stacked)]
        self._generators = [keras.random.SeedGenerator(start) for start in starts]
        numbers = {each: number for number, each in enumerate(dict.fromkeys(stacked))}
        self._of_members = np.array([numbers[each] for each in stacked], "int32")
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        """Return what is left, (members, batch, width)."""
        if not training:
            return x
        all_there = ops.ones_like(x[0])
        drawn = ops.stack(
            [
                keras.random.dropout(all_there, rate, seed=generator)
                for rate, generator in zip(self._rates, self._generators, strict=True)
            ]
        )
        return x * (drawn if len(self._rates) == 1 else ops.take(drawn, self._of_members, axis=0))


class _EachMean(keras.metrics.Metric):  # type: ignore[misc]
    """A mean over an epoch's images for each member."""

    def __init__(self, name: str, members: int) -> None:
        super().__init__(name=name)
        self.total = self.add_weight(shape=(members,), initializer="zeros", name="total")
        self.count = self.add_weight(shape=(members,), initializer="zeros", name="count")

    def update_state(self, totals: Any, images: Any) -> None:
        """Count a batch."""
        self.total.assign_add(totals)
        self.count.assign_add(images)

    def result(self) -> Any:
        """Return the means, (members,)."""
        return self.total / self.count
