"""What one read of an image file tells, kept for the next time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from tlkit.data.decoding.contents import Content, ImageSource


class Scan(NamedTuple):
    """What is known of the content of a file: its SHA-256, and whether it was found whole.

    It is False where nobody has decoded it yet: what is damaged is never remembered, since a disk
    that failed may read it the next time. ``need`` is above 0 where it has more than 8 bits for
    each value: how many bits that takes.
    """

    digest: bytes
    whole: bool
    need: int = 0


class ScanMemory(Protocol):
    """Keep scans by what a file's name, size and times say of it; usable from several threads."""

    def get(self, key: bytes) -> Scan | None:
        """Return what is known, or None."""
        ...

    def add(self, key: bytes, scan: Scan) -> None:
        """Keep what was found."""
        ...


class NothingKnown:
    """A memory of nothing: every file is read."""

    def get(self, key: bytes) -> None:
        """Return None."""

    def add(self, key: bytes, scan: Scan) -> None:
        """Keep nothing."""


def content_key(source: ImageSource) -> bytes | None:
    """Return by what the scan of an image is known, without reading it; None where nothing is."""
    if isinstance(source, Content):
        told = source.content_key()
        return None if told is None else hashlib.blake2b(told, digest_size=16).digest()
    return None if isinstance(source, bytes) else file_key(Path(source))


def file_key(path: Path) -> bytes | None:
    """Return by what a file's scan is known, without reading it; None where there is no file.

    That is its path, its size, and the times of its last changes in nanoseconds: a copy that sets
    the one back to that of its original leaves the other.

    Example:
        >>> file_key(Path("no such file")) is None
        True
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    what = f"\0{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}".encode()
    return hashlib.blake2b(os.fsencode(path.absolute()) + what, digest_size=16).digest()
