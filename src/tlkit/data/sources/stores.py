"""Numbered images that a data set and its parts share, and those of an array."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._threads import in_threads
from tlkit._urls import without_secrets
from tlkit.data._text import printable
from tlkit.data.decoding.decode import Pixels, Size, as_size, resize_array
from tlkit.data.decoding.fitting import SQUASH, Fit
from tlkit.data.scans import ScanMemory
from tlkit.errors import DataError

_DIGEST_BYTES = 32
_AT_ONCE = 65536
CHANGED = "has changed since the data set was made"


class ImageStore(ABC):
    """Numbered images, shared by a dataset and all parts that are split from it.

    Each image's digest is computed when first asked for and kept here, so a split hashes nothing
    again. Images must not change while a store is in use: what is decoded is compared with that
    digest each time, and another content is an error.

    Args:
        names: What people call each image.
    """

    given_depth: int | None = None

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(printable(without_secrets(name)) for name in names)
        self._digests = np.zeros((len(self.names), _DIGEST_BYTES), np.uint8)
        self._known = np.zeros(len(self.names), bool)

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def load(
        self,
        indices: NDArray[np.int64],
        size: Size,
        workers: int | None = None,
        fit: Fit = SQUASH,
    ) -> Pixels:
        """Return pixels of some images: (n, height, width, 3), uint8, 0..255."""

    @abstractmethod
    def load_whole(self, index: int) -> Pixels:
        """Return pixels of one image at its own size: (h, w, 3), uint8, 0..255, a copy."""

    @abstractmethod
    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of an image's content."""

    def scan(
        self,
        indices: NDArray[np.int64],
        memory: ScanMemory,  # noqa: ARG002 - of files
        *,
        decoded: bool,  # noqa: ARG002 - an image that is in no file is whole by nature
        workers: int | None = None,  # noqa: ARG002 - a few milliseconds
    ) -> list[str | None]:
        """Take in each image's digest, and return why it cannot be read, or None.

        Args:
            indices: Which images.
            memory: What is known of files already, and is to be known the next time.
            decoded: Whether to find damage; else only what cannot be read at all.
            workers: Number of threads; None for one per core.
        """
        self.digests(indices)
        return [None] * len(indices)

    @abstractmethod
    def part(self, indices: NDArray[np.int64]) -> ImageStore:
        """Return some of the images, without the others, for another process; hashed there anew."""

    def depth(self, indices: NDArray[np.int64]) -> int | None:  # noqa: ARG002 - of files
        """Return at which depth those of more than 8 bits are read; None where there are none."""
        return None

    def depth_note(self, indices: NDArray[np.int64]) -> str:  # noqa: ARG002 - of files
        """Return the same in words for people; an empty text where there are none."""
        return ""

    def digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the SHA-256 of each image's content: (n, 32), uint8; computed once, in threads."""
        missing = np.unique(indices[~self._known[indices]])
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE].tolist()
            for index, digest in zip(part, in_threads(self.digest, part), strict=True):
                self._keep(index, digest)
        return self._digests[indices]

    def known(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the digests that are known already, and zeros for the others: (n, 32), uint8."""
        return np.where(self._known[indices, None], self._digests[indices], np.uint8(0))

    def _keep(self, index: int, digest: bytes) -> bool:
        """Take in a digest; false where the image had another one before."""
        if self._known[index]:
            return bool(self._digests[index].tobytes() == digest)
        self._digests[index] = np.frombuffer(digest, np.uint8)
        self._known[index] = True
        return True

    def _require_same(self, index: int, digest: bytes) -> None:
        if not self._keep(index, digest):
            raise DataError(
                f"{self.names[index]} {CHANGED}: it was read before with another content. "
                "Expected images that stay as they are while they are used. Make the data set "
                "anew, and run this again."
            )


class ArrayStore(ImageStore):
    """Images in one array, which is not copied, or in what gives one array after the other.

    Args:
        images: Array of shape (n, h, w, 3), uint8, 0..255; or a sequence of arrays (h, w, 3) of any
            sizes.
    """

    def __init__(self, images: Pixels | Sequence[Pixels]) -> None:
        super().__init__([f"image {index}" for index in range(len(images))])
        self.images = images

    def load(
        self,
        indices: NDArray[np.int64],
        size: Size,
        workers: int | None = None,
        fit: Fit = SQUASH,
    ) -> Pixels:
        """Resize some images, in threads; see `ImageStore` for what is checked."""
        height_width = as_size(size)
        pixels = np.empty((len(indices), *height_width, 3), np.uint8)

        def fill(place: int) -> None:
            index = int(indices[place])
            image = np.array(self.images[index])  # a copy: what is hashed is what is used
            self._require_same(index, _array_digest(image))
            same = image.shape[:2] == height_width
            pixels[place] = image if same else resize_array(image, height_width, fit)

        in_threads(fill, range(len(indices)), workers)
        return pixels

    def load_whole(self, index: int) -> Pixels:
        """Return a copy of one image."""
        image = np.array(self.images[index])
        self._require_same(index, _array_digest(image))
        return image

    def part(self, indices: NDArray[np.int64]) -> ArrayStore:
        """Return a copy of some of the images."""
        store = ArrayStore(_chosen(self.images, indices))
        store.names = tuple(self.names[index] for index in indices)
        return store

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of an image's size and pixels."""
        return _array_digest(np.ascontiguousarray(self.images[index]))


def _chosen(images: Pixels | Sequence[Pixels], indices: NDArray[np.int64]) -> Any:
    if isinstance(images, np.ndarray):
        return np.asarray(images[indices])
    return [images[index] for index in indices.tolist()]


def _array_digest(image: Pixels) -> bytes:
    header = f"array {image.shape[0]} {image.shape[1]} ".encode()
    return hashlib.sha256(header + image.tobytes()).digest()
