"""One file of features: of which images, their numbers, and a checksum over all of it.

::

    16 bytes   "tlkit features 2"
     8 bytes   length of the header, little-endian
    header     JSON: rows, shape of a row, dtype; padded with spaces to a multiple of 64 bytes
    ids        32 bytes for each row: the SHA-256 of the image
    numbers    rows one after the other, in C order
    32 bytes   SHA-256 of everything before
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from tlkit._disk.atomic import whole_file
from tlkit._disk.digests import DIGEST_BYTES, digest_of

MAGIC = b"tlkit features 2"
ID_BYTES = 32
SUFFIX = ".shard"
# Of finished ones: a file in writing is hidden and ends as the finished one will.
HIDDEN = "."
FINISHED = f"[!{HIDDEN}]*{SUFFIX}"
_ALIGN = 64
_BLOCK = 2**20


@dataclass(frozen=True)
class Layout:
    """Where in a shard the rows are, and what they are.

    Args:
        rows: How many.
        shape: Of each.
        dtype: Of their numbers.
        start: Byte at which they begin.
    """

    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int

    @property
    def end(self) -> int:
        """Byte after the last of them."""
        return self.start + self.rows * prod(self.shape) * self.dtype.itemsize


class Shard:
    """A file of features, open for reading a row here and a row there.

    It is read from and not mapped into memory: for one row of a map the system maps sixteen pages,
    so that rows in random order cost several times their size, and a file that another program
    cuts off would end the process.

    Args:
        file: Where it is.
        stream: The open file; ``close()`` lets go of it, and so does the end of this object.
        layout: Where in it the rows are.
    """

    def __init__(self, file: Path, stream: IO[bytes], layout: Layout) -> None:
        self.file = file
        self.dtype, self.shape = layout.dtype, (layout.rows, *layout.shape)
        self._stream, self._start = stream, layout.start
        self._turn = threading.Lock()
        self.close = weakref.finalize(self, stream.close)

    @property
    def rows(self) -> np.ndarray:
        """All rows, read anew."""
        rows = np.empty(self.shape, self.dtype)
        self.read(0, rows)
        return rows

    def read(self, first: int, out: np.ndarray) -> None:
        """Fill an array with rows; any number of threads may read at once.

        Args:
            first: Number of the first of them.
            out: C-contiguous, (n, ...).

        Raises:
            OSError: They cannot be read, or are not there any more.
        """
        left = out.data.cast("B")
        place = self._start + first * (out.nbytes // len(out))
        while left:
            count = self._read_at(place, left)
            if not count:
                raise OSError(f"{self.file} was cut off while it was in use")
            place, left = place + count, left[count:]

    def _read_at(self, place: int, into: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._stream.fileno(), [into], place)
        with self._turn:  # Windows, where an open file has one position for all who read it
            self._stream.seek(place)
            return self._stream.readinto(into)  # type: ignore[attr-defined, no-any-return]


def keys_of(ids: np.ndarray) -> np.ndarray:
    """Return one value for each image's SHA-256, (n,), that compares and sorts.

    Args:
        ids: uint8 of shape (n, 32).
    """
    return np.ascontiguousarray(ids).view(f"V{ID_BYTES}").ravel()


def write_shard(file: Path, ids: np.ndarray, batches: Iterable[np.ndarray]) -> None:
    """Write a shard, which appears whole or not at all.

    Args:
        file: Where it appears.
        ids: uint8 of shape (rows, 32).
        batches: Arrays of shape (n_i, ...) whose n_i add up to the rows.

    Raises:
        OSError: The disk is full or cannot be written; nothing is left behind.
        ValueError: The batches have more or fewer rows than there are ids.
    """
    with whole_file(file) as part, part.open("wb") as stream:
        stream.write(digest_of(_written(stream, _content(ids, batches))))


def read_ids(file: Path) -> np.ndarray:
    """Return of which images a shard has rows, uint8 of shape (rows, 32), without checking it.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no shard, or is cut off.
    """
    with file.open("rb") as stream:
        return ids_in(stream)


def rows_begin(stream: IO[bytes]) -> int:
    """Return the byte at which the rows of an open shard begin, after its header and images."""
    return _read_layout(stream).start


def ids_in(stream: IO[bytes]) -> np.ndarray:
    """Return the same of an open one."""
    count = _read_layout(stream).rows
    content = stream.read(count * ID_BYTES)
    return np.frombuffer(content, np.uint8).reshape(count, ID_BYTES)


def read_shard(file: Path, *, checked: bool = False) -> Shard:
    """Return a shard after comparing its checksum.

    Args:
        file: Where it is.
        checked: Whether this process has compared its checksum before.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not what was written; says how.
    """
    stream = file.open("rb", buffering=0)
    try:
        layout = _read_layout(stream)
        if os.fstat(stream.fileno()).st_size != layout.end + DIGEST_BYTES:
            raise ValueError("its length does not fit its header")
        if not checked:
            _compare_checksum(stream, layout.end)
        return Shard(file, stream, layout)
    except BaseException:
        stream.close()
        raise


def _written(
    stream: IO[bytes], parts: Iterable[bytes | memoryview]
) -> Iterator[bytes | memoryview]:
    """Write parts and hand them on."""
    for part in parts:
        stream.write(part)
        yield part


def _content(ids: np.ndarray, batches: Iterable[np.ndarray]) -> Iterator[bytes | memoryview]:
    """Yield everything of a shard but its checksum."""
    done = 0
    for batch in batches:
        if not done:
            yield _header(len(ids), batch)
            yield np.ascontiguousarray(ids).tobytes()
        yield np.ascontiguousarray(batch).data.cast("B")
        done += len(batch)
    if done != len(ids):
        raise ValueError(f"{done} of {len(ids)} rows were computed; nothing was kept.")


def _header(count: int, batch: np.ndarray) -> bytes:
    facts = {"rows": count, "shape": batch.shape[1:], "dtype": batch.dtype.str}
    text = json.dumps(facts).encode()
    text += b" " * (-(len(MAGIC) + 8 + len(text)) % _ALIGN)
    return MAGIC + len(text).to_bytes(8, "little") + text


def _read_layout(stream: IO[bytes]) -> Layout:
    """Return what the header of an open shard says."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as a shard does")
    length = int.from_bytes(stream.read(8), "little")
    if length > _BLOCK:
        raise ValueError("its header is too long")
    try:
        facts = json.loads(stream.read(length))
        rows, shape = int(facts["rows"]), tuple(map(int, facts["shape"]))
        dtype = np.dtype(facts["dtype"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"its header cannot be read: {error!r}") from error
    if dtype.kind != "f":
        raise ValueError(f"its numbers are {dtype}, expected floats")
    return Layout(rows, shape, dtype, len(MAGIC) + 8 + length + rows * ID_BYTES)


def _compare_checksum(stream: IO[bytes], end: int) -> None:
    stream.seek(0)
    found = digest_of(_blocks(stream, end))
    if stream.read() != found:
        raise ValueError("its checksum does not fit")


def _blocks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size:
        block = stream.read(min(_BLOCK, size))
        if not block:
            raise ValueError("it was cut off while it was read")
        yield block
        size -= len(block)
