"""How ``fit`` reads batches that are made in Python, without the pauses of tf.data's tuning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import keras

from tlkit._keras.devices import ONE_DEVICE, Devices
from tlkit._keras.fit_types import SizedBatches
from tlkit._keras.types import Tensor

# Batches that TensorFlow keeps ready.
AHEAD = 4


def for_fit(batches: SizedBatches, devices: Devices = ONE_DEVICE, *, again: bool = False) -> Any:
    """Return a PyDataset in the form that ``fit`` reads without pauses.

    On TensorFlow, Keras reads a PyDataset through tf.data with autotuning. What tunes it sleeps in
    a thread of its own, twice as long each time and up to a minute, and the end of every ``fit``
    and every validation waits for that thread: now and then for as long as the training took
    (TensorFlow 2.21). So there it becomes a tf.data.Dataset without autotuning, of the same
    batches in the same order.

    Args:
        batches: A keras.utils.PyDataset of known length, with ``workers=1``, that gives batches of
            arrays. It is asked for its first batch.
        devices: That each batch is spread over.
        again: Whether they are read more than once, as validation is after every epoch.

    Returns:
        A tf.data.Dataset on TensorFlow, or for several devices a tf.distribute.DistributedDataset,
        whose length ``fit`` has to be told; elsewhere, and where a part of a batch is None, what
        was given.

    Example:
        >>> import numpy as np
        >>> class Ones(keras.utils.PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, index):
        ...         return np.ones((2, 5), "float32"), np.ones(2, "int32")
        >>> len(for_fit(Ones()))
        3
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    first = batches[0]
    if any(part is None for part in keras.tree.flatten(first)):
        return batches
    import tensorflow as tf

    def spec(part: Tensor) -> Any:
        return tf.TensorSpec((None, *part.shape[1:]), tf.as_dtype(part.dtype))

    def made() -> Iterator[Any]:
        indices = range(len(batches))
        # Keras goes on reading what it was told the length of; see `Devices.steps`.
        endless = again and devices.steps(len(batches)) is not None
        each = (batches[index] for index in (itertools.cycle(indices) if endless else indices))
        return (part for batch in each for part in devices.parts(batch, len(first[0])))

    options = tf.data.Options()
    options.autotune.enabled = False
    stream = tf.data.Dataset.from_generator(
        made, output_signature=keras.tree.map_structure(spec, first)
    )
    if not devices.spread:
        stream = stream.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return devices.over(stream.prefetch(AHEAD * devices.count).with_options(options))
