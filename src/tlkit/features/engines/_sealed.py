"""A checksum at the end of an ONNX file, where readers of ONNX pass it over.

It is a field of a number that ONNX does not use: tag, length, SHA-256 of everything before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tlkit._disk.digests import DIGEST_BYTES, digest_of

# Field 15000 of bytes, 32 of them, as protobuf writes that.
_TAG = bytes([0xC2, 0xA9, 0x07, DIGEST_BYTES])
_SEAL_BYTES = len(_TAG) + DIGEST_BYTES
_BLOCK = 2**20


def seal(file: Path) -> None:
    """Add the checksum to a file.

    Raises:
        OSError: It cannot be read or written.
    """
    with file.open("r+b") as stream:
        size = file.stat().st_size
        seal = _TAG + digest_of(_blocks(stream, size))
        stream.seek(size)
        stream.write(seal)


def check_seal(file: Path) -> None:
    """Raise where a file is not what was sealed.

    Raises:
        OSError: It cannot be read.
        ValueError: It was damaged, or never sealed.
    """
    with file.open("rb") as stream:
        size = file.stat().st_size - _SEAL_BYTES
        found = _TAG + digest_of(_blocks(stream, size))
        if size < 0 or stream.read() != found:
            raise ValueError("its checksum does not fit")


def _blocks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (block := stream.read(min(_BLOCK, size))):
        yield block
        size -= len(block)
