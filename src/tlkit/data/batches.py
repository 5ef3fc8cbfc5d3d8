"""Batches: which samples, in which order, with which pixels."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._seeds import stream, stream_seed
from tlkit.data.decoding.decode import Size, as_size
from tlkit.errors import DataError

__all__ = ["Passes", "PixelCache", "batch_slices", "epoch_order", "stream", "stream_seed"]

DEFAULT_LIMIT = 2 * 1024**3


class HasPixels(Protocol):
    """What `PixelCache` needs of a dataset."""

    def __len__(self) -> int: ...

    def load(self, indices: ArrayLike, size: Size) -> NDArray[np.uint8]:
        """Return pixels of some images: (n, height, width, 3), uint8, 0..255."""


def batch_slices(n: int, batch_size: int) -> list[slice]:
    """Cut n samples into consecutive batches; the last one may be smaller.

    Args:
        n: Number of samples.
        batch_size: Samples per batch, at least 1.

    Returns:
        Slices that cover 0..n once.

    Raises:
        DataError: batch_size is not a positive whole number.

    Example:
        >>> batch_slices(5, 2)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise DataError(f"batch_size={batch_size!r}; expected a whole number, at least 1.")
    return [slice(start, min(start + batch_size, n)) for start in range(0, n, int(batch_size))]


def epoch_order(n: int, *, seed: int, stage: str, epoch: int) -> NDArray[np.int64]:
    """Return the shuffled order of one epoch, which depends on the arguments only.

    Args:
        n: Number of samples.
        seed: The run's seed; any integer.
        stage: The stage's name.
        epoch: Epoch, from 0.

    Returns:
        A permutation of 0..n-1 as (n,), int64.

    Example:
        >>> sorted(epoch_order(4, seed=0, stage="head", epoch=2).tolist())
        [0, 1, 2, 3]
    """
    return stream(seed, f"order of {stage}", epoch).permutation(n).astype(np.int64)


class Passes:
    """Which samples each batch holds, pass after pass: a function of the batch's number alone.

    So batches may be fetched early, twice, in any order or from any thread.

    Args:
        samples: How many there are.
        batch_size: Samples for each batch; the last of a pass may have fewer.
        order: Gives the order of a pass by its number, (samples,); None keeps them as they are.
        first: Number of the pass that begins with batch 0.

    Example:
        >>> passes = Passes(3, 2, lambda number: np.arange(3)[::-1] if number else np.arange(3))
        >>> [passes[batch].tolist() for batch in range(4)]
        [[0, 1], [2], [2, 1], [0]]
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        order: Callable[[int], NDArray[np.int64]] | None = None,
        *,
        first: int = 0,
    ) -> None:
        self.steps = -(-samples // batch_size)
        self._batch_size = batch_size
        self._order = order
        self._known = (-1, np.arange(samples))
        self._first = first

    def pass_of(self, batch: int) -> int:
        """Return the number of the pass that a batch belongs to."""
        return self._first + batch // self.steps

    def __getitem__(self, batch: int) -> NDArray[np.int64]:
        """Return the positions of the samples of a batch."""
        start = batch % self.steps * self._batch_size
        return self._order_of(self.pass_of(batch))[start : start + self._batch_size]

    def _order_of(self, number: int) -> NDArray[np.int64]:
        known = self._known  # once: another thread may be at another pass
        if self._order is not None and known[0] != number:
            known = self._known = (number, self._order(number))
        return known[1]


class PixelCache:
    """Pixels of a dataset at one size; kept in memory when they fit, else decoded every time.

    Safe to use from several threads.

    Args:
        dataset: Where pixels come from, usually an ImageDataset.
        size: One side in pixels, or (height, width).
        limit: Most bytes to keep. Nothing is kept when all images together need more.

    Example:
        >>> from tlkit import ImageDataset
        >>> data = ImageDataset.from_arrays(np.zeros((3, 8, 8, 3), np.uint8), [0, 1, 1])
        >>> PixelCache(data, 4)[[2, 0]].shape
        (2, 4, 4, 3)
    """

    def __init__(self, dataset: HasPixels, size: Size, *, limit: int = DEFAULT_LIMIT) -> None:
        self._dataset = dataset
        self.size = as_size(size)
        shape = (len(dataset), *self.size, 3)
        self.in_memory = int(np.prod(shape, dtype=np.int64)) <= limit
        self._pixels = np.empty(shape if self.in_memory else (0, *self.size, 3), np.uint8)
        self._known = np.zeros(len(dataset), bool)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._dataset)

    def name_of(self, place: int) -> str:
        """Return what to call an image: its file, where it has one."""
        names = getattr(self._dataset, "names", None)
        return f"image {place}" if names is None else str(names[place])

    def __getitem__(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Return pixels of some images.

        Args:
            indices: Positions in the dataset, in any order.

        Returns:
            Array of shape (n, height, width, 3), uint8, 0..255.

        Raises:
            DamagedImageError: An image cannot be read.
        """
        wanted = np.asarray(indices, np.int64)
        if not self.in_memory:
            return self._dataset.load(wanted, self.size)
        with self._lock:
            missing = np.unique(wanted[~self._known[wanted]])
            if missing.size:
                self._pixels[missing] = self._dataset.load(missing, self.size)
                self._known[missing] = True
        return self._pixels[wanted]

    def subset(self, indices: ArrayLike) -> Any:
        """Return an ImageDataset of some of the images, to be sent to another process."""
        dataset: Any = self._dataset
        return dataset.subset(indices)
