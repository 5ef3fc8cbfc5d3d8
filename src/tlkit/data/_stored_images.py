"""Some images of a store, in a fixed order: what every data set reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.data._positions import as_positions
from tlkit.data.damage import DamagedImage, DamageReport
from tlkit.data.decoding.decode import Pixels, Size
from tlkit.data.decoding.fitting import SQUASH, Fit, checked_fit
from tlkit.data.duplicates import Duplicate, find_duplicates
from tlkit.data.scans import NothingKnown, ScanMemory
from tlkit.data.sources.stores import ImageStore


class StoredImages:
    """Images of a store, in a fixed order; pixels are read when asked for.

    Args:
        store: The images.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of the dataset.
        fit: How images come to the size of a model.
    """

    def __init__(
        self,
        store: ImageStore,
        *,
        indices: NDArray[np.int64] | None = None,
        ignored: tuple[str, ...] = (),
        fit: Fit = SQUASH,
    ) -> None:
        self._store = store
        self._indices = np.arange(len(store)) if indices is None else indices
        self.ignored = ignored
        self._fit = checked_fit(fit)

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes to another process: this dataset's images, no others of its store."""
        store = self._store.part(self._indices)
        return {**vars(self), "_store": store, "_indices": np.arange(len(self))}

    def __len__(self) -> int:
        return len(self._indices)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What to call each image, which is its path below the root, or "image 12"."""
        return tuple(self._store.names[index] for index in self._indices)

    @property
    def image_digests(self) -> NDArray[np.uint8]:
        """SHA-256 of what gives each image's pixels, (n, 32), uint8; computed once, split or not.

        That is its content, where it has more than 8 bits the depth at which it is read, and its
        `fit` where that is not ``"squash"``.
        """
        return self._fitted(self.content_digests)

    @property
    def content_digests(self) -> NDArray[np.uint8]:
        """The same without `fit`: images are the same however they come to a size."""
        return self._store.digests(self._indices)

    @property
    def known_digests(self) -> NDArray[np.uint8]:
        """The same of the images that were looked at before, by `check` or `scan`; zeros elsewhere.

        Nothing is read for it.
        """
        known = self._store.known(self._indices)
        return np.where(known.any(axis=1, keepdims=True), self._fitted(known), known)

    def _fitted(self, digests: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._fit == SQUASH:
            return digests
        how = f"fit {self._fit} of ".encode()
        each = b"".join(hashlib.sha256(how + digest.tobytes()).digest() for digest in digests)
        return np.frombuffer(each, np.uint8).reshape(digests.shape)

    @property
    def fit(self) -> Fit:
        """How images come to the size of a model.

        ``"squash"``: resized, whatever their shape. ``"crop"``: the largest part of their middle
        that has the model's aspect ratio. ``"pad"``: all of them, with black on two sides.
        """
        return self._fit

    def with_fit(self, fit: Fit) -> Self:
        """Return the same images, that come to the size of a model in another way.

        Args:
            fit: ``"squash"``, ``"crop"`` or ``"pad"``; see `fit`.

        Returns:
            A dataset that shares images and digests of their contents with this one.

        Raises:
            DataError: It is none of these.

        Example:
            >>> from tlkit import ImageDataset
            >>> images = np.full((2, 4, 8, 3), 255, np.uint8)
            >>> padded = ImageDataset.from_arrays(images, [0, 1]).with_fit("pad")
            >>> padded.load([0], 8)[0, :, 0, 0].tolist()
            [0, 0, 255, 255, 255, 255, 0, 0]
        """
        other = copy(self)
        other._fit = checked_fit(fit)
        other.__dict__.pop("fingerprint", None)  # cached
        return other

    @property
    def depth(self) -> int | None:
        """At which depth images of more than 8 bits are read; None where there are none."""
        return self._store.depth(self._indices)

    @property
    def given_depth(self) -> int | None:
        """The depth that was given for images of more than 8 bits; None where it is found."""
        return self._store.given_depth

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
        chosen = self._indices[as_positions(indices, len(self))]
        return self._store.load(chosen, size, workers, self._fit)

    def check(self, *, workers: int | None = None) -> DamageReport:
        """Decode every image completely; report the damaged, and pictures that are there twice.

        Args:
            workers: Number of threads; None for one per core.

        Returns:
            The report; it is true when every image is whole.

        Example:
            >>> from tlkit import ImageDataset
            >>> images = np.stack([np.zeros((8, 8, 3)), np.ones((8, 8, 3))]).astype(np.uint8)
            >>> print(ImageDataset.from_arrays(images, [0, 1]).check())
            2 images checked, none is damaged.
        """
        return self._report(
            self._store.scan(self._indices, NothingKnown(), decoded=True, workers=workers)
        )

    def scan(self, memory: ScanMemory, *, decoded: bool = True) -> DamageReport:
        """Find the digest of every image and whether it is damaged, with one read of its file.

        A file that did not change since a memory was given its scan is not even read. Use
        `check` to look at every file whatever is remembered of it.

        Args:
            memory: Where scans are kept, such as a feature store's.
            decoded: Whether to find damage; else only files that cannot be read are reported.

        Returns:
            The report; it is true when no image is found to be damaged.
        """
        return self._report(self._store.scan(self._indices, memory, decoded=decoded))

    def _report(self, reasons: Sequence[str | None]) -> DamageReport:
        damaged = tuple(
            DamagedImage(index, self.names[index], reason)
            for index, reason in enumerate(reasons)
            if reason is not None
        )
        whole = np.array([reason is None for reason in reasons], bool)
        digests = np.zeros((len(self), 32), np.uint8)
        digests[whole] = self._store.digests(self._indices[whole])
        duplicates = self._find_duplicates(digests)
        depth = self._store.depth_note(self._indices[whole])
        return DamageReport(len(self), damaged, self.ignored, depth, duplicates)

    def _find_duplicates(self, digests: NDArray[np.uint8]) -> tuple[Duplicate, ...]:
        return find_duplicates(digests, self.names)
