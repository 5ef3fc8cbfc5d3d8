"""A table of image paths and labels -> checked files and labels."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tlkit.data.given_classes import GivenClasses
from tlkit.data.labels import encode_labels, is_missing
from tlkit.data.sources.files import FileStore
from tlkit.errors import TableError

_SHOWN = 5


class Table(Protocol):
    """A pandas DataFrame, or a mapping of column names to sequences."""

    def __getitem__(self, name: str, /) -> Iterable[object]:
        """Return a column."""

    def __iter__(self) -> Iterator[object]:
        """Yield the names of the columns."""


def read_table(
    table: Table,
    *,
    image: str,
    label: str,
    root: str | PathLike[str],
    class_names: Sequence[str] | None = None,
    depth: int | None = None,
) -> tuple[FileStore, NDArray[np.int64], tuple[str, ...]]:
    """Read image paths and labels from a table and check every row.

    Args:
        table: A pandas DataFrame, or a mapping of column names to sequences.
        image: Column of image paths, relative to ``root``.
        label: Column of labels: text or whole numbers.
        root: Folder that no image path may leave.
        class_names: The classes in order; None for the sorted distinct labels.
        depth: Of images with more than 8 bits; None to find it in them.

    Returns:
        The files, their class numbers (n,) int64, and the class names.

    Raises:
        TableError: A column is missing; the table is empty; or a row has no usable image or label.

    Example:
        >>> read_table({"path": [], "kind": []}, image="path", label="kind", root=".")
        Traceback (most recent call last):
            ...
        tlkit.errors.TableError: The table has no rows; expected one row per image.
    """
    paths, values = table_paths(table, image), column(table, label)
    if len(paths) != len(values):
        raise TableError(
            f"Column {image!r} has {len(paths)} rows and column {label!r} has {len(values)}; "
            "expected equally many."
        )
    if class_names is None:
        labels, names = encode_labels(values, where=row_name, error=TableError)
    else:
        given = GivenClasses(class_names, TableError)
        labels = given.number_labels(values, where=_label_of_row, by_name=True)
        names = given.names
    return table_files(paths, Path(root), depth), labels, names


def read_unlabelled(
    table: Table,
    *,
    image: str,
    root: str | PathLike[str],
    class_names: Sequence[str] | None = None,
    depth: int | None = None,
) -> FileStore:
    """Read image paths from a table and check every row; see `read_table`."""
    if class_names is not None:
        raise TableError(
            "Received class_names with label=None; expected class names only where there are "
            "labels. Name the column of labels, or leave class_names out."
        )
    return table_files(table_paths(table, image), Path(root), depth)


def table_paths(table: Table, image: str) -> list[object]:
    """Return the column of image paths, which are at least one."""
    paths = column(table, image)
    if not paths:
        raise TableError("The table has no rows; expected one row per image.")
    return paths


def column(table: Table, name: str) -> list[object]:
    """Return one column of a table as a list.

    Args:
        table: A pandas DataFrame, or a mapping of column names to sequences.
        name: The column's name.

    Returns:
        Its values.

    Raises:
        TableError: There is no such column, or more than one, or the table is not one.

    Example:
        >>> column({"image": ("a.jpg", "b.jpg")}, "image")
        ['a.jpg', 'b.jpg']
    """
    names = _column_names(table)
    if not isinstance(name, str) and name not in names:
        raise TableError(
            f"Received {name!r} for a column, expected the name of one column; the table has "
            f"{', '.join(map(repr, names[:20]))}. An image has one label: put several columns "
            "together first, such as table['label'] = table['a'] + '_' + table['b']. Columns that "
            "each say who has one label are read by tlkit.MultiLabelDataset.from_dataframe."
        )
    if name not in names:
        raise TableError(missing_column(name, names))
    if names.count(name) > 1:
        raise TableError(f"Column {name!r} appears {names.count(name)} times; expected once.")
    return list(table[name])


def missing_column(name: str, received: Sequence[object]) -> str:
    """Return the message for a column that a table does not have, with near misses.

    Args:
        name: The column that was expected.
        received: The columns that there are.

    Returns:
        One sentence.

    Example:
        >>> missing_column("label", ["image", "lable"])
        "No column 'label'; received columns 'image', 'lable'. Did you mean 'lable'?"
    """
    known = [str(other) for other in received]
    lower = {other.strip().lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), lower, n=2, cutoff=0.6)
    hint = " or ".join(repr(lower[match]) for match in near)
    columns = ", ".join(repr(other) for other in known) or "none"
    return f"No column {name!r}; received columns {columns}." + (
        f" Did you mean {hint}?" if hint else " Name the column that holds it."
    )


def _column_names(table: Table) -> list[object]:
    names: Any = table.columns if hasattr(table, "columns") else table
    if isinstance(names, (str, bytes)) or not hasattr(table, "__getitem__"):
        names = None
    try:
        return list(names)
    except TypeError:
        raise TableError(
            f"Received {type(table).__name__} as the table; expected a pandas DataFrame or a "
            "mapping of column names to sequences."
        ) from None


def row_name(index: int) -> str:
    """Return what to call a row in a message."""
    return f"Row {index} (counted from 0)"


def _label_of_row(index: int) -> str:
    return f"The label of row {index} (counted from 0)"


def table_files(values: list[object], root: Path, depth: int | None) -> FileStore:
    """Return the files that rows name, each of them checked.

    Raises:
        TableError: A row has no path, or one that leaves ``root`` or leads to no file.
    """
    if not root.is_dir():
        raise TableError(f"root={str(root)!r} is not a folder; expected the one with the images.")
    inside = _Inside(root)
    names = [_relative(value, row) for row, value in enumerate(values)]
    found = [inside.find(name, row) for row, name in enumerate(names)]
    missing = [row for row, path in enumerate(found) if path is None]
    if missing:
        shown = "; ".join(f"row {row}: {names[row]}" for row in missing[:_SHOWN])
        more = f"; and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise TableError(
            f"{len(missing)} of {len(names)} rows (counted from 0) name an image that is not in "
            f"{root}: {shown}{more}. Put the files there, correct root, or drop the rows."
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
