"""What one read of an image file tells, kept for the next time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Protocol


class Scan(NamedTuple):
    """What is known of the content of a file: its SHA-256, and whether it was found whole.

    It is False where nobody has decoded it yet: what is damaged is never remembered, since a disk
    that failed may read it the next time.
    """

    digest: bytes
    whole: bool


class ScanMemory(Protocol):
    """Keep scans by what a file's name, size and times say of it; usable from several threads."""

    def get(self, key: bytes) -> Scan | None:
        """Return what is known, or None."""
        ...

    def add(self, key: bytes, scan: Scan) -> None:
        """Keep what was found."""
        ...


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
