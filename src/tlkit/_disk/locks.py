"""Locks on files, held by the operating system until the process ends, however it ends.

`filelock` knows how each system locks. Its classes are not used: they leave the lock file behind,
wait for a file system without locks with files of their own, and know no owner. The rest is here.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

# Windows locks the first byte, which others then cannot read; what a lock file says begins here.
TEXT_BEGINS = 1


def open_lock(file: Path) -> IO[bytes]:
    """Open a lock file, which is made where it does not exist.

    Raises:
        OSError: It cannot be made or written.
    """
    return os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o666), "r+b")


def take(stream: IO[bytes]) -> bool:
    """Lock an open file, and return whether that worked; False where another holds it.

    Other threads of this process are others too, and so is a file opened twice.

    Raises:
        OSError: The file system has no locks.
    """
    return lock_descriptor(stream.fileno(), blocking=False)


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
