"""One process at a time works in a run directory."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from tlkit._disk.locks import TEXT_BEGINS, open_lock, release, still_there, take
from tlkit.errors import RunDirectoryError


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock file for a block; a lock of a process that was killed holds nobody up.

    The operating system holds the lock and lets go of it when the process ends, however it ends.
    The file says who holds it, for people to read, and is removed at the end. On a network file
    system the lock is as good as that system's own: NFS and SMB keep it between machines, others
    on one machine only. Where there are no locks at all, the text alone counts: a process that has
    ended is known as such on its own machine only, and the file may have to be deleted by hand.

    Args:
        file: The lock file, in a folder that exists.

    Raises:
        RunDirectoryError: Another process, or another thread of this one, holds it; says which and
            since when.
    """
    stream = _acquired(file)
    try:
        _write_owner(stream)
        yield
    finally:
        release(stream, file)


def _acquired(file: Path) -> IO[bytes]:
    while True:
        stream = _opened(file)
        try:
            held, besides = not take(stream), ""
        except OSError:  # a file system without locks
            held, besides = _may_run(_owner(stream)), f" If it has ended, delete {file}."
        if held:
            owner = _owner(stream)
            stream.close()
            raise _in_use(file, owner, besides)
        if still_there(stream, file):
            return stream
        # Its last holder removed it between our opening and our locking it.
        stream.close()


def _opened(file: Path) -> IO[bytes]:
    try:
        return open_lock(file)
    except OSError as error:
        raise RunDirectoryError(
            f"The run directory {file.parent} cannot be used: {error}. Give another run_dir."
        ) from error


def _write_owner(stream: IO[bytes]) -> None:
    owner = {
        "process": os.getpid(),
        "machine": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(" ", "seconds"),
    }
    # A full disk is no reason to stop here: the lock holds without the text.
    with suppress(OSError):
        stream.seek(0)
        stream.truncate()
        stream.write(b" " * TEXT_BEGINS + json.dumps(owner).encode())
        stream.flush()


def _owner(stream: IO[bytes]) -> dict[str, Any]:
    try:
        stream.seek(TEXT_BEGINS)
        owner = json.loads(stream.read())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _may_run(owner: dict[str, Any]) -> bool:
    """Return whether the process that a lock file names may still be running."""
    process = owner.get("process")
    if not isinstance(process, int) or process < 1:
        return False
    if owner.get("machine") != socket.gethostname() or sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _in_use(file: Path, owner: dict[str, Any], besides: str) -> RunDirectoryError:
    process, machine = owner.get("process", "unknown"), owner.get("machine", "unknown")
    here = machine == socket.gethostname() and process == os.getpid()
    who = f"this very process, {process}," if here else f"process {process}"
    return RunDirectoryError(
        f"The run in {file.parent} is being trained by {who} on the machine {machine}, since "
        f"{owner.get('since', 'an unknown time')}. Wait until it ends, stop it, or give another "
        f"run_dir.{besides}"
    )
