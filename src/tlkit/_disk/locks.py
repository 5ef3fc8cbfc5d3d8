"""Locks on files, held by the operating system until the process ends, however it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

# On Windows others cannot read a locked byte: it lies far behind any text in the file.
_LOCKED_BYTE = 2**20

if sys.platform == "win32":
    import msvcrt

    def take(stream: IO[bytes]) -> None:
        """Lock an open file, or raise BlockingIOError where it is locked already."""
        stream.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(str(error)) from error

else:
    import fcntl

    def take(stream: IO[bytes]) -> None:
        """Lock an open file, or raise BlockingIOError where it is locked already."""
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def open_lock(file: Path) -> IO[bytes]:
    """Open a lock file, which is made where it does not exist.

    Raises:
        OSError: It cannot be made or written.
    """
    return os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o666), "r+b")


def still_there(stream: IO[bytes], file: Path) -> bool:
    """Return whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), file.stat())
    except FileNotFoundError:
        return False


def release(stream: IO[bytes], file: Path) -> None:
    """Remove a lock file and let go of it."""
    # Removed before it is let go of, where the system allows to remove an open file: afterwards it
    # could be another's.
    with suppress(OSError):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        stream.close()
