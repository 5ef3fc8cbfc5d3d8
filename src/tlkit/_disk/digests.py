"""The SHA-256 of what lies on disk, or is on its way there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

DIGEST_BYTES = 32


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hex.

    Raises:
        OSError: It cannot be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the SHA-256 of parts one after the other, 32 bytes; none is held longer than needed.

    Example:
        >>> digest_of([b"all", b" of it"]) == digest_of([b"all of it"])
        True
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()
