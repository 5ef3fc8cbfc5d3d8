"""Where the images of a dataset lie: in files, or in an array."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit._threads import in_threads
from tlkit.data._text import printable
from tlkit.data.decoding.decode import (
    FULL,
    Pixels,
    Size,
    as_size,
    bits,
    checked_depth,
    decode_many,
    look_at,
    may_be_deep,
    read_file,
    read_once,
    refusal,
    resize_array,
)
from tlkit.data.scans import NothingKnown, Scan, ScanMemory, file_key
from tlkit.errors import DataError

_DIGEST_BYTES = 32
_AT_ONCE = 65536
_CHANGED = "has changed since the data set was made"
# One for all stores, as these go to other processes: a data set's depth is found once.
_finding_depth = threading.Lock()


class ImageStore(ABC):
    """Numbered images, shared by a dataset and all parts that are split from it.

    Each image's digest is computed when first asked for and kept here, so a split hashes nothing
    again. Images must not change while a store is in use: what is decoded is compared with that
    digest each time, and another content is an error.

    Args:
        names: What people call each image.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(map(printable, names))
        self._digests = np.zeros((len(self.names), _DIGEST_BYTES), np.uint8)
        self._known = np.zeros(len(self.names), bool)

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def load(self, indices: NDArray[np.int64], size: Size, workers: int | None = None) -> Pixels:
        """Pixels of some images: (n, height, width, 3), uint8, 0..255."""

    @abstractmethod
    def digest(self, index: int) -> bytes:
        """SHA-256 of an image's content."""

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
        """Some of the images, without the others, for another process; hashed there anew."""

    def depth(self, indices: NDArray[np.int64]) -> int | None:  # noqa: ARG002 - of files
        """At which depth those of more than 8 bits are read; None where there are none."""
        return None

    def depth_note(self, indices: NDArray[np.int64]) -> str:  # noqa: ARG002 - of files
        """The same in words for people; an empty text where there are none."""
        return ""

    def digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """SHA-256 of each image's content: (n, 32), uint8; computed once, in threads."""
        missing = np.unique(indices[~self._known[indices]])
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE].tolist()
            for index, digest in zip(part, in_threads(self.digest, part), strict=True):
                self._keep(index, digest)
        return self._digests[indices]

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
                f"{self.names[index]} {_CHANGED}: it was read before with another content. "
                "Expected images that stay as they are while they are used. Make the data set "
                "anew, and run this again."
            )


class FileStore(ImageStore):
    """Images in files.

    Files with more than 8 bits for each value are all read at one depth: the one that is given, or
    the least that holds the largest value of any of them. Their digests tell depths apart, but for
    16, at which a value of 65,535 is white.

    Args:
        paths: One file per image.
        names: What people call each image.
        depth: Of such files; None to find it in them.
    """

    def __init__(
        self, paths: Sequence[str | PathLike[str]], names: Sequence[str], depth: int | None = None
    ) -> None:
        super().__init__(names)
        self.paths = tuple(Path(path) for path in paths)
        self._given = checked_depth(depth)
        self._found: int | None = None
        self._needs = np.zeros(len(self.names), np.uint8)

    def load(self, indices: NDArray[np.int64], size: Size, workers: int | None = None) -> Pixels:
        def check(place: int, content: bytes) -> None:
            index = int(indices[place])
            look = look_at(content, decoded=False, deep=not self._known[index])
            if not self._known[index]:
                self._needs[index] = look.need
            self._require_same(index, look.digest)

        paths = [self.paths[index] for index in indices]
        return decode_many(paths, size, workers=workers, depth=lambda _: self._depth(), seen=check)

    def scan(
        self,
        indices: NDArray[np.int64],
        memory: ScanMemory,
        *,
        decoded: bool,
        workers: int | None = None,
    ) -> list[str | None]:
        def look(index: int) -> str | None:
            return self._look(index, memory, decoded=decoded)

        reasons = in_threads(look, indices.tolist(), workers)
        if decoded and self._needs[indices].any():
            depth = self._depth(memory)
            needs = self._needs[indices].tolist()
            reasons = [why or refusal(x, depth) for why, x in zip(reasons, needs, strict=True)]
        return reasons

    def _look(self, index: int, memory: ScanMemory, *, decoded: bool) -> str | None:
        key = file_key(self.paths[index])  # before it is read: it may change meanwhile
        known = memory.get(key) if key else None
        if known is None or (decoded and not known.whole):
            digest, reason, need = read_once(self.paths[index], decoded=decoded)
            if reason is not None:
                return reason
            known = Scan(digest, whole=decoded, need=need)
            if key:
                memory.add(key, known)
        if not self._known[index]:
            self._needs[index] = known.need
        return None if self._keep(index, known.digest) else f"{_CHANGED}; make it anew"

    def _depth(self, memory: ScanMemory | None = None) -> int:
        """At which depth images of this store are read, whichever part of it is in use."""
        if self._given is not None:
            return self._given
        known = memory or NothingKnown()
        with _finding_depth:
            if self._found is None:
                others = np.flatnonzero(~self._known).tolist()
                in_threads(lambda index: self._look(index, known, decoded=False), others)
                self._found = max(bits(need) for need in set(self._needs.tolist())) or FULL
        return self._found

    def depth(self, indices: NDArray[np.int64]) -> int | None:
        super().digests(indices)  # which tells whether any is deep
        return self._depth() if self._needs[indices].any() else None

    def depth_note(self, indices: NDArray[np.int64]) -> str:
        needs = self._needs[indices]
        if not needs.any():
            return ""
        depth = self._depth()
        how = "as was asked" if self._given is not None else "as the largest value of them asks for"
        return (
            f"{np.count_nonzero(needs)} of more than 8 bits, read with depth={depth}, {how}: "
            f"{2**depth - 1:,} is white"
        )

    def digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        found = super().digests(indices)
        deep = np.flatnonzero(self._needs[indices])
        if len(deep) and self._depth() != FULL:
            for place in deep:
                how = b"depth %d of " % self._depth() + found[place].tobytes()
                found[place] = np.frombuffer(hashlib.sha256(how).digest(), np.uint8)
        return found

    def part(self, indices: NDArray[np.int64]) -> FileStore:
        unknown = indices[~self._known[indices]].tolist()
        if any(in_threads(lambda index: may_be_deep(_head(self.paths[index])), unknown)):
            super().digests(indices)
        # One part may not be read at another depth than the others.
        depth = self._depth() if self._needs[indices].any() else self._given
        # The other process may have another working directory.
        paths = [self.paths[index].absolute() for index in indices]
        return FileStore(paths, [self.names[index] for index in indices], depth)

    def digest(self, index: int) -> bytes:
        look = look_at(read_file(self.paths[index]), decoded=False)
        self._needs[index] = look.need
        return look.digest


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(32)
    except OSError:
        return b""


class ArrayStore(ImageStore):
    """Images in one array, which is not copied.

    Args:
        images: Array of shape (n, h, w, 3), uint8, 0..255.
    """

    def __init__(self, images: Pixels) -> None:
        super().__init__([f"image {index}" for index in range(len(images))])
        self.images = images

    def load(self, indices: NDArray[np.int64], size: Size, workers: int | None = None) -> Pixels:
        height_width = as_size(size)
        pixels = np.empty((len(indices), *height_width, 3), np.uint8)

        def fill(place: int) -> None:
            index = int(indices[place])
            image = np.array(self.images[index])  # a copy: what is hashed is what is used
            self._require_same(index, _array_digest(image))
            same = image.shape[:2] == height_width
            pixels[place] = image if same else resize_array(image, height_width)

        in_threads(fill, range(len(indices)), workers)
        return pixels

    def part(self, indices: NDArray[np.int64]) -> ArrayStore:
        store = ArrayStore(np.asarray(self.images[indices]))
        store.names = tuple(self.names[index] for index in indices)
        return store

    def digest(self, index: int) -> bytes:
        return _array_digest(np.ascontiguousarray(self.images[index]))


def _array_digest(image: Pixels) -> bytes:
    header = f"array {image.shape[0]} {image.shape[1]} ".encode()
    return hashlib.sha256(header + image.tobytes()).digest()
