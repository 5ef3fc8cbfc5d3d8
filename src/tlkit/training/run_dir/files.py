"""How files come into a run directory: whole or not at all, and the folder is made for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlkit._disk.atomic import whole_file
from tlkit._disk.records import Record
from tlkit.errors import RunDirectoryError


@contextmanager
def written(file: Path) -> Iterator[Path]:
    """Give a path to write to; the file appears whole where the block ends without an error.

    Args:
        file: Where it appears.

    Raises:
        RunDirectoryError: It cannot be written; nothing is left behind.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as part:
            yield part
    except OSError as error:
        raise _unwritable(file, error) from error
    except RuntimeError as error:  # h5py's way to say that the system cannot write
        if type(error) is not RuntimeError:
            raise
        raise _unwritable(file, error) from error


def write_record(kind: Record, file: Path, content: Mapping[str, Any]) -> None:
    """Write a document.

    Raises:
        RunDirectoryError: It cannot be written; nothing is left behind.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        kind.write(file, content)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: Exception) -> RunDirectoryError:
    return RunDirectoryError(
        f"{file} cannot be written: {error}. Free some space or give another folder."
    )
