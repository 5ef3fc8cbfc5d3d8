"""The devices that one training is spread over: those of JAX, or of a strategy of TensorFlow.

Every device holds all weights and takes its share of each batch. The sums over a batch are sums
over the devices, so that the weights are those of one device, to rounding. Keras leaves two things
to be done for that, since the last batch of an epoch may not go into the devices evenly:

- On JAX Keras raises (keras#21167). Batches are laid on the devices here, outside Keras's own
  scope: in equal parts, or where that is not possible, whole on every device.
- On TensorFlow Keras takes the mean of the devices' means, whatever their shares are. The gradient
  of each share is weighed by its size here, and BatchNormalization that is trained takes its
  statistics from all devices (``synchronized``), as it would from the whole batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np

from tlkit._keras.layers import inner_layers, is_batch_norm, leaf_layers
from tlkit._keras.types import Model


class Devices:
    """One device, as Keras takes it by itself.

    Args:
        given: The distribution of the user, or None.
        names: Of the devices, such as ``"gpu:0"``; empty where Keras was told nothing.
    """

    def __init__(self, given: Any = None, names: Sequence[str] = ()) -> None:
        self.given, self.names = given, tuple(names)

    @property
    def count(self) -> int:
        """How many there are, 1 or above."""
        return max(1, len(self.names))

    @property
    def spread(self) -> bool:
        """Whether weights are laid on devices, and are no plain variables."""
        return bool(self.names)

    def scope(self) -> AbstractContextManager[Any]:
        """Return a context in which models, and what trains them, are made."""
        return nullcontext()

    def placed(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a batch of arrays ``(n, ...)`` as ``fit`` is to get it."""
        return batch

    def parts(self, batch: tuple[Any, ...], first: int) -> Iterator[tuple[Any, ...]]:  # noqa: ARG002
        """Yield what of a batch each device gets from a ``tf.data`` pipeline, one after another.

        Args:
            batch: Arrays ``(n, ...)``.
            first: How many samples the first batch has.
        """
        yield batch

    def over(self, parts: Any) -> Any:
        """Return a ``tf.data`` pipeline of `parts` as ``fit`` is to read it."""
        return parts

    def steps(self, batches: int) -> int | None:  # noqa: ARG002
        """Return what ``fit`` has to be told of a pass over so many batches, or None."""
        return None

    def whole_batches(self, size: int, samples: int) -> int:  # noqa: ARG002
        """Return in which batches samples are evaluated: so that each counts once."""
        return size

    def training(self, model: Model) -> AbstractContextManager[Any]:
        """Return a context in which a model is trained.

        Args:
            model: Compiled, made in `scope`.
        """
        del model
        return nullcontext()


ONE_DEVICE = Devices()


class JaxDevices(Devices):
    """Those of a ``keras.distribution.DataParallel``."""

    def scope(self) -> AbstractContextManager[Any]:
        """Lay the weights that are made on every device."""
        scope: AbstractContextManager[Any] = self.given.scope()
        return scope

    def placed(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """Lay an equal part of a batch on each device, or all of it on every one."""
        return tuple(part if part is None else self._laid(part) for part in batch)

    def _laid(self, part: Any) -> Any:
        mesh = self.given.device_mesh
        shared = self.given.batch_dim_name if len(part) % self.count == 0 else None
        axes = [shared, *[None] * (np.ndim(part) - 1)]
        layout = keras.distribution.TensorLayout(axes, mesh)
        return keras.distribution.distribute_tensor(part, layout)


class MirroredDevices(Devices):
    """Those of a ``tf.distribute.MirroredStrategy``.

    A last batch of fewer samples than devices goes to each of them as a whole. It trains the same
    weights, and counts once for each device in the loss and metrics that are shown for training.
    """

    def scope(self) -> AbstractContextManager[Any]:
        """Mirror the weights that are made on every device."""
        scope: AbstractContextManager[Any] = self.given.scope()
        return scope

    def parts(self, batch: tuple[Any, ...], first: int) -> Iterator[tuple[Any, ...]]:
        """Yield a part for each device: nearly equal ones, or all of the batch.

        None is empty: TensorFlow 2.21 gives a convolution of no images a wrong shape. Those of the
        first batch are equal, since Keras adds them up to see what a batch is.
        """
        samples = len(batch[0])
        if samples < self.count or first % self.count:
            yield from [batch] * self.count
            return
        ends = [samples * place // self.count for place in range(self.count + 1)]
        for start, end in itertools.pairwise(ends):
            yield tuple(part[start:end] for part in batch)

    def over(self, parts: Any) -> Any:
        """Deal the parts to the devices in turn."""
        return self.given.distribute_datasets_from_function(lambda _: parts)

    def steps(self, batches: int) -> int | None:
        """Return them: a dealt pipeline tells how many parts it has."""
        return batches

    def whole_batches(self, size: int, samples: int) -> int:
        """Return the next size whose last batch has a sample for every device; else that of all."""
        for fitting in range(size, samples + 1, self.count):
            if not 0 < samples % fitting < self.count:
                return fitting
        return samples

    @contextmanager
    def training(self, model: Model) -> Iterator[None]:
        """Weigh the shares of a batch by their sizes, and let BatchNormalization see all of it."""
        norms = [x for x in _every_layer(model) if is_batch_norm(x) and x.trainable]
        before = [norm.synchronized for norm in norms]
        trained: Any = model
        trained.compute_loss = _weighed(trained.compute_loss)
        for norm in norms:
            norm.synchronized = True
        try:
            yield
        finally:
            del trained.compute_loss
            for norm, was in zip(norms, before, strict=True):
                norm.synchronized = was


def _every_layer(model: Model) -> Iterator[Any]:
    for layer in leaf_layers(model):
        yield layer
        yield from inner_layers(layer)


def _weighed(compute_loss: Any) -> Any:
    """Return a ``compute_loss`` whose gradient counts a device's share by its size.

    The value stays: Keras weighs it by the size itself, for the loss that it shows.
    """
    import tensorflow as tf

    def compute(x: Any = None, *given: Any, **settings: Any) -> Any:
        loss = compute_loss(x, *given, **settings)
        replica = tf.distribute.get_replica_context()
        if replica is None:  # Keras builds the model on symbols
            return loss
        own = tf.cast(tf.shape(keras.tree.flatten(x)[0])[0], loss.dtype)
        every = replica.all_reduce(tf.distribute.ReduceOp.SUM, own)
        share = tf.math.divide_no_nan(own * replica.num_replicas_in_sync, every)
        return loss + (share - 1) * (loss - tf.stop_gradient(loss))

    return compute
