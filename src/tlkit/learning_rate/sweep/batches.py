"""What a search trains on: anything that ``fit`` takes, in one of two forms.

Arrays become a `keras.utils.PyDataset` with a seeded order of its own, because Keras
shuffles arrays with generators that belong to the user. Everything else is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count
from typing import Any, cast

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._keras.fit_types import FitBatches, FitData
from tlkit.data.batches import Passes
from tlkit.data.dataset import ImageDataset
from tlkit.data.unlabelled import UnlabelledImages
from tlkit.errors import LearningRateError

Batch = tuple[Any, Any, Any]


class ArrayBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Arrays in batches, pass after pass, each in an order drawn from (seed, pass).

    Batch k belongs to pass ``k // per_pass`` and depends on k only, so Keras may fetch it early,
    and every ``fit`` begins with the same batches.

    Args:
        arrays: ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``; each an array of n samples, or a
            list, tuple or dict of such.
        batch_size: Samples per batch; the last batch of a pass may be smaller.
        shuffle: Whether each pass has an order of its own.
        seed: Start of the orders.
    """

    def __init__(self, arrays: tuple[Any, ...], batch_size: int, shuffle: bool, seed: int) -> None:
        super().__init__()
        self.arrays = keras.tree.map_structure(_as_array, arrays)
        size = _common_length(self.arrays)

        def order(number: int) -> NDArray[np.int64]:
            rows = np.arange(size)
            np.random.default_rng([seed, number]).shuffle(rows)
            return rows

        self._passes = Passes(size, batch_size, order if shuffle else None)
        self.per_pass = self._length = self._passes.steps

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        rows = self._passes[index]
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)

    def lasting(self, batches: int) -> ArrayBatches:
        """Return itself, with so many batches: as many passes as that takes."""
        self._length = batches
        return self


def as_fit_data(
    data: FitData | None, y: FitData | None, batch_size: int, shuffle: bool, seed: int
) -> FitBatches:
    """Return what ``fit`` or `endless_batches` can read.

    Args:
        data: Arrays, ``(x, y)``, ``(x, y, sample_weight)``, a PyDataset, or an iterable of batches.
        y: Targets where ``data`` is only the inputs, else None.
        batch_size: Samples per batch, for arrays.
        shuffle: Whether to shuffle, for arrays.
        seed: Start of the order, for arrays.

    Raises:
        LearningRateError: If there is nothing to train on, or lengths differ.
    """
    if data is None:
        raise LearningRateError(
            "data is None; expected arrays, a PyDataset or batches to train on."
        )
    if y is None and not _holds_arrays(data):
        return _not_empty(data)
    if y is not None and not _holds_arrays(data):
        raise LearningRateError(
            f"y was given beside a {type(data).__name__}, which has its own targets; leave y out."
        )
    arrays = (data, y) if y is not None else data if isinstance(data, tuple) else (data,)
    if not 1 <= len(arrays) <= 3:
        raise LearningRateError(
            f"data is a tuple of {len(arrays)}; expected (x, y) or (x, y, sample_weight). "
            "Several inputs of one model go in a list or dict."
        )
    return ArrayBatches(arrays, batch_size, shuffle, seed)


def is_read_once(data: object) -> bool:
    """Return whether ``data`` is an iterator, such as a generator: a second pass finds it empty."""
    return (
        not isinstance(data, keras.utils.PyDataset) and iter(cast(Iterable[object], data)) is data
    )


def is_endless(data: object) -> bool:
    """Return whether a pass over ``data`` never ends, as over ``tf.data.Dataset.repeat()``."""
    if isinstance(data, keras.utils.PyDataset):
        return data.num_batches is None
    # tf.data calls it -1; without an import, because TensorFlow need not be installed.
    cardinality = getattr(data, "cardinality", None)
    return callable(cardinality) and int(cardinality()) == -1


def first_batch(data: FitBatches) -> Batch:
    """Return the first batch, without using up anything.

    Raises:
        LearningRateError: If ``data`` can be read only once, or holds no batch.
    """
    if is_read_once(data):
        raise LearningRateError(
            "the model has no weights yet, and looking at a generator would use it up. "
            "Build the model first: model.build(input_shape), or call it on one batch."
        )
    return next(endless_batches(data))


def one_pass(data: FitBatches) -> Iterator[Batch]:
    """Yield the batches of one pass, in the order of ``data``."""
    yield from (_unpack(batch) for batch in _one_pass(data, shuffle=False, seed=[0]))


def endless_batches(data: FitBatches, shuffle: bool = False, seed: int = 0) -> Iterator[Batch]:
    """Yield batches, pass after pass; end only where ``data`` can be read once.

    Raises:
        LearningRateError: If a pass over ``data`` holds no batch.
    """
    if isinstance(data, ArrayBatches):
        yield from (_unpack(data[index]) for index in count())
    passes = 0
    while True:
        batch = None
        for batch in _one_pass(data, shuffle, [seed, passes]):
            yield _unpack(batch)
        if batch is None and passes == 0:
            raise LearningRateError(
                f"data ({type(data).__name__}) holds no batch; give at least one batch to train on."
            )
        if batch is None or is_read_once(data):
            return
        passes += 1


def _one_pass(data: FitBatches, shuffle: bool, seed: list[int]) -> Iterator[Any]:
    if not isinstance(data, keras.utils.PyDataset):
        yield from cast(Iterable[object], data)
        return
    size = data.num_batches
    if size is None:
        yield from (data[index] for index in count())
    order = np.arange(size)
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    for index in order:
        yield data[int(index)]
    data.on_epoch_end()


def _unpack(batch: object) -> Batch:
    x, y, weight = keras.utils.unpack_x_y_sample_weight(keras.tree.map_structure(_native, batch))
    return x, y, weight


def _native(value: object) -> Any:
    """Return another framework's tensors, as from tf.data under JAX, as arrays."""
    if isinstance(value, np.ndarray):
        return value
    foreign = hasattr(value, "__array__") and not keras.ops.is_tensor(value)
    return np.asarray(value) if foreign else value


def _holds_arrays(data: object) -> bool:
    if isinstance(data, keras.utils.PyDataset):
        return False
    return isinstance(data, tuple | list | Mapping) or hasattr(data, "__array__")


def _as_array(values: ArrayLike | None) -> Any:
    if values is None:
        return None
    array = values if isinstance(values, np.ndarray) else keras.ops.convert_to_numpy(values)
    if array.ndim:
        return array
    raise LearningRateError(
        f"data holds the single value {values!r} where an array was expected; "
        "a list means several inputs: turn a list of numbers into an array first."
    )


def _common_length(arrays: object) -> int:
    lengths = {len(array) for array in keras.tree.flatten(arrays) if array is not None}
    if len(lengths) == 1 and 0 not in lengths:
        return lengths.pop()
    if lengths == {0}:
        raise LearningRateError("data holds no sample; give at least one batch to train on.")
    raise LearningRateError(
        f"data holds arrays of different lengths: {sorted(lengths)}; "
        "x, y and sample_weight need one entry per sample."
    )


def _not_empty(data: object) -> FitBatches:
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches == 0:
            raise LearningRateError("data is a PyDataset of length 0; give at least one batch.")
        return cast(FitBatches, data)
    if isinstance(data, (ImageDataset, UnlabelledImages)):
        raise LearningRateError(
            f"data is an {type(data).__name__}, of single images and no batches; expected arrays, "
            "a PyDataset or batches. Give (data.load(range(len(data)), size), data.labels), or "
            "have a trainer search: Stage(learning_rate=finder)."
        )
    if not hasattr(data, "__iter__"):
        raise LearningRateError(
            f"data is a {type(data).__name__}; expected arrays, a PyDataset or batches."
        )
    batches = cast(Iterable[object], data)
    return _replay(iter(batches)) if is_read_once(data) else batches


def _replay(batches: Iterator[Any]) -> Iterator[Any]:
    """Return the same batches, after a look at whether there is one."""
    first = next(batches, None)
    if first is None:
        raise LearningRateError(
            f"data is a {type(batches).__name__} without a batch; give at least one to train on."
        )
    return (batch for batch in chain([first], batches))
