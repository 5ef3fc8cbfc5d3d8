"""Files that appear under their names whole or not at all, even where the power fails meanwhile."""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Every temporary file begins with it. It is hidden, and who sweeps a folder need know nothing else.
PART = ".part-"
# File systems allow 255 bytes for a name, and a character takes up to four.
_KEPT_OF_NAME = 48


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give a path to write to, and rename it to ``file`` where the block ends without an error.

    What was there before stays until then, and stays after an error, of which nothing is left
    behind. Content and name are on the disk when this returns, where the system can promise that.

    Args:
        file: Where the finished file appears, in a folder that exists.

    Yields:
        A path beside it that ends as ``file`` does, since many writers look at the suffix.

    Raises:
        OSError: It cannot be written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with whole_file(file) as part:
        ...     _ = part.write_text("all of it")
        >>> file.read_text()
        'all of it'
    """
    part = _part_of(file)
    try:
        yield part
        with part.open("r+b") as stream:
            os.fsync(stream.fileno())  # else a power failure could leave the new name on no content
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    _keep_names(file.parent)


def why_unwritable(file: Path) -> str:
    """Return why a file cannot be written, to ask before the work whose result it is to hold.

    Folders that are not there are taken to be made before it is written.

    Args:
        file: Where it is to appear.

    Returns:
        A clause; empty where nothing speaks against it.

    Example:
        >>> import tempfile
        >>> why_unwritable(Path(tempfile.mkdtemp()) / "new folder" / "notes.txt")
        ''
    """
    try:
        if file.is_dir():
            return f"{file} is a folder"
        there = next(folder for folder in file.absolute().parents if folder.exists())
        writable = there.is_dir() and os.access(there, os.W_OK)
    except OSError as error:  # a folder that one may not look into, a name that is too long
        return str(error)
    return "" if writable else f"{there} is no folder that this user may write to"


def remove_parts(folder: Path, unused_s: float = 0.0) -> None:
    """Remove what processes that were killed while writing have left in a folder.

    Args:
        folder: Where to look, not below it; it may be missing.
        unused_s: Only what nobody has written to for so many seconds; 0 for all.
    """
    parts = list(folder.glob(f"{PART}*"))
    latest = now_in(folder) - unused_s if parts and unused_s else math.inf
    for part in parts:
        with suppress(OSError):
            if part.stat().st_mtime <= latest:
                part.unlink()


def now_in(folder: Path) -> float:
    """Return what time it is by the clock that dates a folder's files, in seconds since 1970.

    Machines that share a folder may have clocks that differ, and their files are dated by one.
    Where nothing can be written, it is this machine's.
    """
    part = _part_of(folder / "clock")
    try:
        part.touch(exist_ok=False)
        return part.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _part_of(file: Path) -> Path:
    # The random part keeps threads of one process apart, and processes of several machines.
    kept = file.name[-_KEPT_OF_NAME:]
    return file.with_name(f"{PART}{os.getpid()}-{secrets.token_hex(4)}-{kept}")


def _keep_names(folder: Path) -> None:
    """Have the system write down the names in a folder; Windows does so by itself."""
    if os.name == "nt":
        return
    with suppress(OSError):  # some network file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
