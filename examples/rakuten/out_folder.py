"""The folder that a study writes to: the settings it was run with, and how long its stages took."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlkit.errors import RunDirectoryError


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Say what to do where a file that is not tlkit's own finds no room.

    Raises:
        RunDirectoryError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RunDirectoryError(
            f"{error}. Free some space; the same command with --resume goes on from the last "
            "finished epoch."
        ) from error


def open_out(out: Path, settings: dict[str, Any], *, resume: bool) -> None:
    """Make the output folder, or check that the study in it is the one to resume.

    Raises:
        RunDirectoryError: It cannot be written, holds a study although ``resume`` is False, or
            holds another one.
    """
    file = out / "settings.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        known = json.loads(file.read_text("utf-8")) if file.is_file() else None
        if known is None:
            part = out / ".settings.json"
            part.write_text(json.dumps(settings, indent=1), "utf-8")
            part.replace(file)
    except OSError as error:
        raise RunDirectoryError(
            f"{out} cannot be written: {error}. Give another folder with --out."
        ) from error
    if known is not None and not resume:
        raise RunDirectoryError(
            f"{out} already holds a study. Go on with it with --resume, or give another folder "
            "with --out."
        )
    if known is not None and known != settings:
        changed = [name for name in settings if known.get(name) != settings[name]]
        raise RunDirectoryError(
            f"The study in {out} was run with other settings: "
            + "; ".join(f"{n} {known.get(n)!r}, now {settings[n]!r}" for n in changed)
            + ". Restore them, or give another folder with --out."
        )


def seconds_of(folder: Path, spent: float) -> float:
    """Return the seconds that a stage took when it was run, not when it was read again."""
    file = folder / "seconds.txt"
    if not file.is_file():
        part = file.with_name(".seconds.txt")
        part.write_text(f"{spent:.3f}\n", "utf-8")
        part.replace(file)
    return float(file.read_text("utf-8"))
