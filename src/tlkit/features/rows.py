"""Features in the order of a data set, wherever they lie on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.features.shards import Shard

# Features of a data set up to this many bytes are held in memory in one piece.
IN_MEMORY = 512 * 2**20
# After reading this many bytes of mapped files, their memory is given back. For a page that is read
# Linux maps up to sixteen, so the memory taken may be several times that.
MAPPED = 32 * 2**20


class FeatureRows:
    """Rows that are read like a NumPy array by an array of positions.

    Small ones are held in memory. Larger ones stay on disk, and are read through a memory map whose
    memory is given back again and again; the system keeps what it can in its file cache.

    Args:
        shards: Files with rows.
        number: Which of the shards holds each image, ints of shape (n,).
        row: At which of its rows, ints of shape (n,).
        in_memory: The most bytes that are held in memory.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        number: NDArray[np.integer],
        row: NDArray[np.integer],
        in_memory: int = IN_MEMORY,
    ) -> None:
        self._shards = tuple(shards)
        self._number = number.astype(np.uint32)
        self._row = row.astype(np.uint32)
        self.dtype = shards[0].rows.dtype
        self.shape: tuple[int, ...] = (len(row), *shards[0].rows.shape[1:])
        self._touched = 0
        self._kept: NDArray[Any] | None = None
        if self.nbytes <= in_memory:
            self._kept = self._read(np.arange(len(self)))
            self._kept.flags.writeable = False
            self._forget()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __getitem__(self, indices: ArrayLike) -> NDArray[Any]:
        """Return the rows of some positions, (k, ...)."""
        wanted = np.asarray(indices)
        if self._kept is not None:
            kept: NDArray[Any] = self._kept[wanted]
            return kept
        return self._read(wanted)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        rows = self[np.arange(len(self))]
        return rows if dtype is None else rows.astype(dtype, copy=bool(copy))

    def _read(self, wanted: NDArray[Any]) -> NDArray[Any]:
        rows = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        numbers, inside = self._number[wanted], self._row[wanted]
        for number in np.unique(numbers):
            here = numbers == number
            rows[here] = self._shards[number].rows[inside[here]]
        self._touched += rows.nbytes
        if self._touched > MAPPED:
            self._forget()
        return rows

    def _forget(self) -> None:
        for shard in self._shards:
            shard.forget()
        self._touched = 0
