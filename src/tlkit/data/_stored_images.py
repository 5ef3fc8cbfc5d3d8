"""Some images of a store with their labels: what a data set reads."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.data._positions import as_positions
from tlkit.data.decoding.decode import Pixels, Size
from tlkit.data.sources.stores import ImageStore


class StoredImages:
    """Images of a store with labels, in a fixed order; pixels are read when asked for.

    Args:
        store: The images.
        labels: Class number of each image, (n,), int64.
        class_names: Names of the classes.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of the dataset.
    """

    def __init__(
        self,
        store: ImageStore,
        labels: NDArray[np.int64],
        class_names: tuple[str, ...],
        *,
        indices: NDArray[np.int64] | None = None,
        ignored: tuple[str, ...] = (),
    ) -> None:
        self._store = store
        self._indices = np.arange(len(store)) if indices is None else indices
        self._labels = labels.copy()
        self._labels.flags.writeable = False
        self.class_names = class_names
        self.ignored = ignored

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes to another process: this dataset's images, no others of its store."""
        store = self._store.part(self._indices)
        return {**vars(self), "_store": store, "_indices": np.arange(len(self))}

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class number of each image, (n,), int64, read-only."""
        return self._labels

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What to call each image, which is its path below the root, or "image 12"."""
        return tuple(self._store.names[index] for index in self._indices)

    @property
    def class_counts(self) -> dict[str, int]:
        """Images per class, in the order of the classes."""
        counts = np.bincount(self._labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    @property
    def image_digests(self) -> NDArray[np.uint8]:
        """SHA-256 of each image's content, (n, 32), uint8; computed once, shared with splits."""
        return self._store.digests(self._indices)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the images' contents in order; labels and names do not matter."""
        return hashlib.sha256(self.image_digests.tobytes()).hexdigest()

    def load(self, indices: ArrayLike, size: Size, *, workers: int | None = None) -> Pixels:
        """Pixels of some images.

        Args:
            indices: Positions in this dataset, in any order.
            size: One side in pixels, or (height, width).
            workers: Number of threads; None for one per core.

        Returns:
            Array of shape (n, height, width, 3), uint8, 0..255, RGB.

        Raises:
            DamagedImageError: An image cannot be read; the message names the file and the reason.
            DataError: An index is not in the dataset.

        Example:
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((2, 8, 8, 3), np.uint8), [0, 1])
            >>> data.load([1], 4).shape
            (1, 4, 4, 3)
        """
        return self._store.load(self._indices[as_positions(indices, len(self))], size, workers)
