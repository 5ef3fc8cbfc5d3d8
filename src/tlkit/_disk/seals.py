"""Checksums at the end of files whose format is somebody else's, where its readers pass them over.

A seal is a tag and the SHA-256 of everything before it. What follows the last object of an HDF5
file belongs to nobody; a zip archive may end in a comment, and a field whose number ONNX does not
use is skipped. So the file stays what it was for other programs.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tlkit._disk.digests import DIGEST_BYTES, digest_of

TAG = b"tlkit SHA-256 of all before this: "
# Field 15000 of bytes, 32 of them, as protobuf writes that.
ONNX_TAG = bytes([0xC2, 0xA9, 0x07, DIGEST_BYTES])
_BLOCK = 2**20


def seal(file: Path, tag: bytes = TAG) -> None:
    """Add a seal to a file.

    Args:
        file: Where it is, without a seal.
        tag: What its format passes over.

    Raises:
        OSError: It cannot be read or written.
    """
    with file.open("r+b") as stream:
        size = file.stat().st_size
        whole = tag + digest_of(_blocks(stream, size))
        stream.seek(size)
        stream.write(whole)


def seal_archive(file: Path) -> None:
    """Make a seal the comment of a zip archive, such as a ``.keras`` file.

    Raises:
        OSError: It cannot be read or written.
    """
    room = len(TAG) + DIGEST_BYTES
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = bytes(room)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - room)
    seal(file)


def check_seal(file: Path, tag: bytes = TAG, *, needed: bool = True) -> None:
    """Raise where a file is not what was sealed.

    Args:
        file: Where it is.
        tag: With which it was sealed.
        needed: Whether a file without a seal, which may be somebody else's, is refused too.

    Raises:
        OSError: It cannot be read.
        ValueError: It was damaged, or has no seal.
    """
    with file.open("rb") as stream:
        size = file.stat().st_size - len(tag) - DIGEST_BYTES
        stream.seek(max(size, 0))
        found = stream.read()
        if size < 0 or not found.startswith(tag):
            if needed:
                raise ValueError("its checksum is missing")
            return
        stream.seek(0)
        if found != tag + digest_of(_blocks(stream, size)):
            raise ValueError("its checksum does not fit")


def _blocks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (block := stream.read(min(_BLOCK, size))):
        yield block
        size -= len(block)
