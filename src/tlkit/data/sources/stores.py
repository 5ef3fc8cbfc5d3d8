"""Where the images of a dataset lie: in files, or in an array."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit._threads import in_threads
from tlkit.data.decoding.decode import (
    Pixels,
    Size,
    as_size,
    decode_many,
    find_damage,
    read_once,
    resize_array,
)
from tlkit.data.scans import Scan, ScanMemory, file_key
from tlkit.errors import DamagedImageError

_DIGEST_BYTES = 32
_AT_ONCE = 65536


class ImageStore(ABC):
    """Numbered images, shared by a dataset and all parts that are split from it.

    Each image's digest is computed when first asked for and kept here, so a split hashes nothing
    again. Images must not change while a store is in use.

    Args:
        names: What people call each image.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._digests = np.zeros((len(self.names), _DIGEST_BYTES), np.uint8)
        self._known = np.zeros(len(self.names), bool)

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def load(self, indices: NDArray[np.int64], size: Size, workers: int | None = None) -> Pixels:
        """Return pixels of some images: (n, height, width, 3), uint8, 0..255."""

    @abstractmethod
    def damage(self, index: int) -> str | None:
        """Return why an image cannot be read, or None."""

    @abstractmethod
    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of an image's content."""

    def scan(
        self,
        indices: NDArray[np.int64],
        memory: ScanMemory,  # noqa: ARG002 - of files
        *,
        decoded: bool,  # noqa: ARG002 - an image that is in no file is whole by nature
    ) -> list[str | None]:
        """Take in each image's digest, and return why it cannot be read, or None.

        Args:
            indices: Which images.
            memory: What is known of files already, and is to be known the next time.
            decoded: Whether to find damage; else only what cannot be read at all.
        """
        self.digests(indices)
        return [None] * len(indices)

    @abstractmethod
    def part(self, indices: NDArray[np.int64]) -> ImageStore:
        """Return some of the images, without the others, for another process; hashed there anew."""

    def digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the SHA-256 of each image's content: (n, 32), uint8; computed once, in threads."""
        missing = np.unique(indices[~self._known[indices]])
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE].tolist()
            for index, digest in zip(part, in_threads(self.digest, part), strict=True):
                self._keep(index, digest)
        return self._digests[indices]

    def _keep(self, index: int, digest: bytes) -> None:
        self._digests[index] = np.frombuffer(digest, np.uint8)
        self._known[index] = True


class FileStore(ImageStore):
    """Images in files.

    Args:
        paths: One file per image.
        names: What people call each image.
    """

    def __init__(self, paths: Sequence[str | PathLike[str]], names: Sequence[str]) -> None:
        super().__init__(names)
        self.paths = tuple(Path(path) for path in paths)

    def load(self, indices: NDArray[np.int64], size: Size, workers: int | None = None) -> Pixels:
        """Decode and resize some images, in threads."""
        return decode_many([self.paths[index] for index in indices], size, workers=workers)

    def damage(self, index: int) -> str | None:
        """Decode an image completely, and return why it cannot be read, or None."""
        return find_damage(self.paths[index])

    def scan(
        self, indices: NDArray[np.int64], memory: ScanMemory, *, decoded: bool
    ) -> list[str | None]:
        """Read each file at most once, and none that the memory knows; see `ImageStore.scan`."""

        def look(index: int) -> str | None:
            key = file_key(self.paths[index])  # before it is read: it may change meanwhile
            known = memory.get(key) if key else None
            if known is None or (decoded and not known.whole):
                digest, reason = read_once(self.paths[index], decoded=decoded)
                if reason is not None:
                    return reason
                known = Scan(digest, whole=decoded)
                if key:
                    memory.add(key, known)
            self._keep(index, known.digest)
            return None

        return in_threads(look, indices.tolist())

    def part(self, indices: NDArray[np.int64]) -> FileStore:
        """Return some of the images, by absolute paths."""
        # The other process may have another working directory.
        paths = [self.paths[index].absolute() for index in indices]
        return FileStore(paths, [self.names[index] for index in indices])

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of a file's content."""
        try:
            return hashlib.sha256(self.paths[index].read_bytes()).digest()
        except OSError as error:
            raise DamagedImageError(
                f"{self.paths[index]} cannot be read: {error.strerror}. Expected a readable file. "
                "Was it moved or deleted after the dataset was made?"
            ) from error


class ArrayStore(ImageStore):
    """Images in one array, which is not copied.

    Args:
        images: Array of shape (n, h, w, 3), uint8, 0..255.
    """

    def __init__(self, images: Pixels) -> None:
        super().__init__([f"image {index}" for index in range(len(images))])
        self.images = images

    def load(self, indices: NDArray[np.int64], size: Size, workers: int | None = None) -> Pixels:
        """Resize some images, in threads; those of the right size are not touched."""
        height_width = as_size(size)
        if self.images.shape[1:3] == height_width:
            return np.asarray(self.images[indices])
        resized = in_threads(
            lambda index: resize_array(np.asarray(self.images[index]), height_width),
            indices.tolist(),
            workers,
        )
        return np.stack(resized) if resized else np.empty((0, *height_width, 3), np.uint8)

    def damage(self, index: int) -> str | None:  # noqa: ARG002 - an array is whole by nature
        """Return None: no image is damaged."""
        return None

    def part(self, indices: NDArray[np.int64]) -> ArrayStore:
        """Return a copy of some of the images."""
        store = ArrayStore(np.asarray(self.images[indices]))
        store.names = tuple(self.names[index] for index in indices)
        return store

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of an image's size and pixels."""
        image = np.ascontiguousarray(self.images[index])
        header = f"array {image.shape[0]} {image.shape[1]} ".encode()
        return hashlib.sha256(header + image.tobytes()).digest()
