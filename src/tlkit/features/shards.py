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

import hashlib
import json
import mmap
import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

MAGIC = b"tlkit features 2"
ID_BYTES = 32
SUFFIX = ".shard"
_ALIGN = 64
_BLOCK = 2**20


@dataclass(frozen=True)
class Shard:
    """The rows of a file, memory-mapped and read-only.

    Args:
        file: Where they are.
        rows: Features, floats of shape (rows, ...).
    """

    file: Path
    rows: np.ndarray
    _map: mmap.mmap = field(repr=False)

    def forget(self) -> None:
        """Let the system take back the memory of what was read; reading it again is allowed."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows, which does so by itself
            self._map.madvise(mmap.MADV_DONTNEED)


def write_shard(file: Path, ids: np.ndarray, batches: Iterable[np.ndarray]) -> None:
    """Write a shard beside its place and rename it into it, so that no reader sees half of it.

    Args:
        file: Where it appears.
        ids: uint8 of shape (rows, 32).
        batches: Arrays of shape (n_i, ...) whose n_i add up to the rows.

    Raises:
        OSError: The disk is full or cannot be written; nothing is left behind.
        ValueError: The batches have more or fewer rows than there are ids.
    """
    part = file.with_name(f".{file.stem}.{os.getpid()}.{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as stream:
            digest = _write(stream, ids, batches)
            stream.write(digest)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def read_ids(file: Path) -> np.ndarray:
    """Return of which images a shard has rows, uint8 of shape (rows, 32), without checking it.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no shard, or is cut off.
    """
    with file.open("rb") as stream:
        header, _ = _read_header(stream)
        content = stream.read(header.rows * ID_BYTES)
    return np.frombuffer(content, np.uint8).reshape(header.rows, ID_BYTES)


def read_shard(file: Path, *, checked: bool = False) -> Shard:
    """Return a shard after comparing its checksum.

    Args:
        file: Where it is.
        checked: Whether this process has compared its checksum before.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not what was written; says how.
    """
    with file.open("rb") as stream:
        header, start = _read_header(stream)
        numbers = start + header.rows * ID_BYTES
        end = numbers + header.rows * prod(header.shape) * header.dtype.itemsize
        if os.fstat(stream.fileno()).st_size != end + hashlib.sha256().digest_size:
            raise ValueError("its length does not fit its header")
        if not checked:
            _compare_checksum(stream, end)
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    count = header.rows * prod(header.shape)
    rows = np.frombuffer(content, header.dtype, count, numbers)
    return Shard(file, rows.reshape(header.rows, *header.shape), content)


def _write(stream: IO[bytes], ids: np.ndarray, batches: Iterable[np.ndarray]) -> bytes:
    digest, done = hashlib.sha256(), 0

    def put(content: bytes | memoryview) -> None:
        stream.write(content)
        digest.update(content)

    for batch in batches:
        if not done:
            put(_header(len(ids), batch))
            put(np.ascontiguousarray(ids).tobytes())
        put(np.ascontiguousarray(batch).data.cast("B"))
        done += len(batch)
    if done != len(ids):
        raise ValueError(f"{done} of {len(ids)} rows were computed; nothing was kept.")
    return digest.digest()


def _header(count: int, batch: np.ndarray) -> bytes:
    facts = {"rows": count, "shape": batch.shape[1:], "dtype": batch.dtype.str}
    text = json.dumps(facts).encode()
    text += b" " * (-(len(MAGIC) + 8 + len(text)) % _ALIGN)
    return MAGIC + len(text).to_bytes(8, "little") + text


@dataclass(frozen=True)
class _Header:
    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _read_header(stream: IO[bytes]) -> tuple[_Header, int]:
    """Return the header of an open shard, and where it ends."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as a shard does")
    length = int.from_bytes(stream.read(8), "little")
    if length > _BLOCK:
        raise ValueError("its header is too long")
    try:
        facts = json.loads(stream.read(length))
        header = _Header(int(facts["rows"]), tuple(facts["shape"]), np.dtype(facts["dtype"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"its header cannot be read: {error!r}") from error
    if header.dtype.kind != "f":
        raise ValueError(f"its numbers are {header.dtype}, expected floats")
    return header, len(MAGIC) + 8 + length


def _compare_checksum(stream: IO[bytes], end: int) -> None:
    digest, left = hashlib.sha256(), end
    stream.seek(0)
    while left:
        block = stream.read(min(_BLOCK, left))
        digest.update(block)
        left -= len(block)
    if stream.read() != digest.digest():
        raise ValueError("its checksum does not fit")
