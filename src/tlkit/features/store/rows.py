"""Features in the order of a data set, wherever they lie on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tlkit.errors import CacheError
from tlkit.features.store.shards import Shard

# Features of a data set up to this many bytes are held in memory in one piece.
IN_MEMORY = 512 * 2**20


class FeatureRows:
    """Rows that are read like a NumPy array by an array of positions; `numpy.asarray` reads all.

    Small ones are held in memory. Larger ones stay on disk and are read row by row; the system
    keeps what it can in its file cache.

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
        self.dtype = shards[0].dtype
        self.shape: tuple[int, ...] = (len(row), *shards[0].shape[1:])
        self._kept: NDArray[Any] | None = None
        if self.nbytes <= in_memory:
            self._kept = self._read(np.arange(len(self)))
            self._kept.flags.writeable = False
            for shard in self._shards:
                shard.close()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __getitem__(self, indices: ArrayLike | slice) -> NDArray[Any]:
        """Return the rows of some positions, (k, ...), or the row of one.

        Args:
            indices: Whole numbers, a slice, or one truth value per row.

        Raises:
            CacheError: The features were changed on disk while they were in use.
        """
        wanted = indices if isinstance(indices, slice) else np.asarray(indices)
        if self._kept is not None:
            kept: NDArray[Any] = self._kept[wanted]
            return kept
        if isinstance(wanted, slice):
            return self._read(np.arange(*wanted.indices(len(self))))
        if wanted.dtype == bool:
            wanted = np.flatnonzero(wanted)
        one: NDArray[Any] = self._read(np.atleast_1d(wanted))
        return one if wanted.ndim else one[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if self._kept is not None:
            return np.array(self._kept, dtype, copy=copy)
        rows = self._read(np.arange(len(self)))
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def _read(self, wanted: NDArray[Any]) -> NDArray[Any]:
        rows = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        try:
            for part, number, first in _runs(self._number[wanted], self._row[wanted]):
                self._shards[number].read(first, rows[part])
        except OSError as error:
            raise CacheError(
                f"Stored features cannot be read any more: {error}. Run this again: what is "
                "missing is computed anew."
            ) from error
        return rows


def _runs(number: NDArray[Any], row: NDArray[Any]) -> Iterator[tuple[slice, int, int]]:
    """Yield which positions are neighbours on disk, in which shard, and their first row there.

    They are read in one go: in the order of extraction, these are whole shards.
    """
    breaks = (np.diff(number) != 0) | (np.diff(row.astype(np.int64)) != 1)
    starts = [0, *(np.flatnonzero(breaks) + 1).tolist()] if len(row) else []
    for start, end in zip(starts, [*starts[1:], len(row)], strict=False):
        yield slice(start, end), int(number[start]), int(row[start])
