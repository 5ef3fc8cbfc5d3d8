"""The trained model's file: a ``.keras`` archive whose comment is the SHA-256 of all before it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

_COMMENT_BYTES = 64


def seal_model(file: Path) -> None:
    """Give a ``.keras`` file its checksum; Keras and other readers of archives pass it over.

    Raises:
        OSError: It cannot be written.
    """
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = bytes(_COMMENT_BYTES)
    with file.open("r+b") as stream:
        digest = _digest(file)
        stream.seek(-_COMMENT_BYTES, 2)
        stream.write(digest)


def is_sound(file: Path) -> bool:
    """Return whether a file is what `seal_model` has left."""
    try:
        with file.open("rb") as stream:
            stream.seek(-_COMMENT_BYTES, 2)
            return stream.read() == _digest(file)
    except OSError:  # not there, not to be read, or shorter than a checksum
        return False


def _digest(file: Path) -> bytes:
    left, digest = file.stat().st_size - _COMMENT_BYTES, hashlib.sha256()
    with file.open("rb") as stream:
        while left > 0 and (block := stream.read(min(2**20, left))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest().encode()
