"""A table of image paths and labels -> checked files and labels."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tlkit.data.given_classes import GivenClasses
from tlkit.data.labels import encode_labels
from tlkit.data.sources._table_files import row_name, table_files
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
    return table_files(paths, root, depth), labels, names


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
    return table_files(table_paths(table, image), root, depth)


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


def _label_of_row(index: int) -> str:
    return f"The label of row {index} (counted from 0)"
