"""The image paths of a table -> files that are there, none of them outside of its root."""

from __future__ import annotations

import os
import posixpath
import stat
from os import PathLike
from pathlib import Path

from tlkit._urls import is_url, without_secrets
from tlkit.data.labels import is_missing
from tlkit.data.sources._places import RemotePath, place_of
from tlkit.data.sources.files import FileStore
from tlkit.errors import TableError

_SHOWN = 5


def row_name(index: int) -> str:
    """Return what to call a row in a message."""
    return f"Row {index} (counted from 0)"


def table_files(values: list[object], root: str | PathLike[str], depth: int | None) -> FileStore:
    """Return the files that rows name, each of them checked.

    Raises:
        TableError: A row has no path, or one that leaves ``root`` or leads to no file.
    """
    top = place_of(root)
    if not top.is_dir():
        raise TableError(f"root={str(top)!r} is not a folder; expected the one with the images.")
    inside = _Inside(top) if isinstance(top, Path) else _Elsewhere(top)
    names = [_relative(value, row) for row, value in enumerate(values)]
    found = [inside.find(name, row) for row, name in enumerate(names)]
    missing = [row for row, path in enumerate(found) if path is None]
    if missing:
        shown = "; ".join(f"row {row}: {without_secrets(names[row])}" for row in missing[:_SHOWN])
        more = f"; and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise TableError(
            f"{len(missing)} of {len(names)} rows (counted from 0) name an image that is not in "
            f"{top}: {shown}{more}. Put the files there, correct root, or drop the rows.",
            missing,
        )
    return FileStore([path for path in found if path is not None], names, depth)


def _relative(value: object, row: int) -> str:
    if is_missing(value) or value == "":
        raise TableError(f"{row_name(row)} has no image path; expected one relative to root.")
    if isinstance(value, (str, PathLike)):
        return os.fsdecode(value)
    raise TableError(
        f"{row_name(row)} has {value!r} ({type(value).__name__}) as image path; expected text."
    )


class _Inside:
    """Find files below a root; resolve each folder once, as tables name thousands of files."""

    def __init__(self, root: Path) -> None:
        self._given = root
        self._root = os.path.realpath(root)
        self._folders: dict[str, str] = {}

    def find(self, name: str, row: int) -> Path | None:
        """Return the file's resolved path, or None when there is none."""
        if "\0" in name:
            raise TableError(f"{row_name(row)}: image path {name!r} holds a null character.")
        path = self._resolve(name)
        if os.path.commonpath([self._root, path]) != self._root:
            raise TableError(
                f"{row_name(row)}: image path {name!r} points to {path}, outside of root "
                f"{self._given}. Expected a path below root; correct the table, or pass a root "
                "that holds all images."
            )
        return Path(path) if Path(path).is_file() else None

    def _resolve(self, name: str) -> str:
        folder, last = os.path.split(os.path.join(self._root, name))  # noqa: PTH118 - many rows
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        path = os.path.join(self._folders[folder], last)  # noqa: PTH118 - many rows
        try:
            plain = not stat.S_ISLNK(os.lstat(path).st_mode) and last not in ("", ".", "..")
        except OSError:
            plain = last not in ("", ".", "..")
        return path if plain else os.path.realpath(path)


class _Elsewhere:
    """Find files below a root that is no folder of this machine."""

    def __init__(self, root: RemotePath) -> None:
        self._root = root
        self._folders: dict[str, dict[str, RemotePath]] = {}

    def find(self, name: str, row: int) -> RemotePath | None:
        """Return the file, or None when there is none; each folder is listed once."""
        below = name.removeprefix(f"{self._root.url.rstrip('/')}/")
        path = posixpath.normpath(below)
        if is_url(below) or path.startswith(("/", "..")):
            raise TableError(
                f"{row_name(row)}: image path {without_secrets(name)!r} points outside of root "
                f"{self._root}. Expected a path below root; correct the table, or pass a root that "
                "holds all images."
            )
        folder, last = posixpath.split(path)
        if folder not in self._folders:
            inside = self._root.child(folder) if folder else self._root
            self._folders[folder] = {place.name: place for place in inside.children()}
        found = self._folders[folder].get(last)
        return found if found is not None and found.is_file() else None
