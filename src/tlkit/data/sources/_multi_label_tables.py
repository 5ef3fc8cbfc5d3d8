"""A table of image paths and any number of labels -> checked files and a matrix of labels."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from tlkit.data.sources._dataframes import Table, column, table_paths
from tlkit.data.sources._label_lists import indicator_columns, matrix_of, names_in
from tlkit.data.sources._table_files import row_name, table_files
from tlkit.data.sources.files import FileStore
from tlkit.errors import TableError


def read_multi_label_table(
    table: Table,
    *,
    image: str,
    labels: str | Sequence[str],
    root: str | PathLike[str],
    class_names: Sequence[str] | None = None,
    separator: str | None = None,
    depth: int | None = None,
) -> tuple[FileStore, NDArray[np.int64], tuple[str, ...]]:
    """Read image paths and any number of labels from a table and check every row.

    Args:
        table: As for `read_table`, and so are the others.
        image: Column of image paths, relative to ``root``.
        labels: Column of lists of names, or of text that ``separator`` parts; or several columns
            of 0 and 1, named as the classes.
        root: Folder that no image path may leave.
        class_names: The classes in order; None for the sorted names, or the order of the columns.
        separator: What parts names in a text.
        depth: Of images with more than 8 bits; None to find it in them.

    Returns:
        The files, whether each image has each label, (n, classes), int64, and the class names.

    Raises:
        TableError: As for `read_table`.
    """
    paths = table_paths(table, image)
    if isinstance(labels, str):
        values = column(table, labels)
        rows = [names_in(x, row_name(n), TableError, separator) for n, x in enumerate(values)]
        matrix, names = matrix_of(rows, class_names, TableError)
    else:
        each = {name: column(table, name) for name in labels}
        if separator is not None or len(each) < 2:
            raise TableError(
                f"Received labels={labels!r} and separator={separator!r}; expected the name of "
                "one column of names, or a list of two or more columns of 0 and 1, which need no "
                "separator."
            )
        matrix, names = indicator_columns(each, len(paths), class_names)
    return table_files(paths, root, depth), matrix, names
