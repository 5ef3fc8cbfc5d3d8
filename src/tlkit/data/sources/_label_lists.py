"""Labels of images that may have several -> a matrix of 0 and 1, and class names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import one_line
from tlkit.data.given_classes import GivenClasses
from tlkit.data.labels import check_class_names, clean_labels, is_missing
from tlkit.errors import DataError, TableError

Ints = NDArray[np.int64]
Matrix = tuple[Ints, tuple[str, ...]]
# Names of the labels of each image, or a matrix of 0 and 1.
LabelLists: TypeAlias = "Sequence[Iterable[str]] | NDArray[Any]"

_HOW = "expected the names of its labels in a list, such as ['cat', 'dog'], or [] where it has none"


def read_label_lists(
    labels: LabelLists, count: int, class_names: Sequence[str] | None = None
) -> Matrix:
    """Read lists of names, or a matrix of 0 and 1 as scikit-learn's ``MultiLabelBinarizer`` gives.

    Args:
        labels: For each image the names of its labels; or an array (n, classes) of 0 and 1.
        count: How many images there are.
        class_names: The classes in order; None for the sorted names, or numbers for a matrix.

    Returns:
        Whether each image has each label, (n, classes), int64, 0 or 1; and the class names.

    Raises:
        DataError: They are neither, do not fit the images or the names, or are of one class only.

    Example:
        >>> read_label_lists([["dog", "cat"], ["dog"], []], 3)[0].tolist()
        [[1, 1], [0, 1], [0, 0]]
    """
    given: Any = labels.toarray() if hasattr(labels, "toarray") else labels  # scipy's sparse ones
    if hasattr(given, "__array__") and np.asarray(given).ndim == 2:
        return read_indicators(np.asarray(given), count, class_names)
    rows = _listed(given)
    if len(rows) != count:
        raise DataError(
            f"Received {count} images and labels of {len(rows)}; expected a list of labels for "
            "each image."
        )
    where = "Image {} (counted from 0)".format
    return matrix_of(
        [names_in(row, where(n), DataError) for n, row in enumerate(rows)], class_names
    )


def read_indicators(
    matrix: NDArray[Any],
    count: int,
    class_names: Sequence[str] | None,
    error: Callable[[str], DataError] = DataError,
) -> Matrix:
    """Read a matrix of 0 and 1, a column for each class.

    Args:
        matrix: Shape (n, classes), whole numbers, truth values or floats that are 0 or 1.
        count: How many images there are.
        class_names: Of the columns; None to number them.
        error: Which error to raise.

    Raises:
        DataError: The shape is another, or a value is neither 0 nor 1.
    """
    if matrix.ndim != 2 or len(matrix) != count:
        raise error(
            f"Received labels of shape {matrix.shape} for {count} images; expected "
            f"({count}, classes), 1 where an image has a label and 0 elsewhere."
        )
    number = matrix.dtype.kind in "biuf"
    wrong = np.argwhere(~np.isin(matrix, (0, 1))) if number else np.zeros((1, 2), np.int64)
    if len(wrong):
        row, column = wrong[0].tolist()
        raise error(
            f"The label matrix holds {matrix[row, column]} in row {row}, column {column} "
            "(counted from 0); expected 0 or 1 only. Probabilities become labels with "
            "(matrix >= 0.5); names are given as lists, [['cat', 'dog'], ['dog'], []]."
        )
    names = [str(n) for n in range(matrix.shape[1])] if class_names is None else list(class_names)
    if len(names) != matrix.shape[1]:
        raise error(
            f"Received {len(names)} class_names and a label matrix of {matrix.shape[1]} columns; "
            "expected a name for each column."
        )
    return matrix.astype(np.int64), check_class_names(names, error)


def matrix_of(
    rows: Sequence[Sequence[str]],
    class_names: Sequence[str] | None,
    error: Callable[[str], DataError] = DataError,
) -> Matrix:
    """Return the matrix of the names of each image's labels.

    Raises:
        DataError: A name is not among ``class_names``, or there are fewer than two classes.
    """
    flat = [name for row in rows for name in row]
    places = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    if class_names is None:
        names = check_class_names(sorted(set(flat)), error)
        number = {name: column for column, name in enumerate(sorted(set(flat)))}
        columns = np.array([number[name] for name in flat], np.int64)
    else:
        given = GivenClasses(class_names, error)
        names = given.names

        def where(place: int) -> str:
            return f"A label of image {places[place]} (counted from 0)"

        columns = given.number_labels(flat, where=where)
    matrix = np.zeros((len(rows), len(names)), np.int64)
    matrix[places, columns] = 1
    return matrix, names


def names_in(
    value: object,
    where: str,
    error: Callable[[str], DataError],
    separator: str | None = None,
) -> list[str]:
    """Return the names of one image's labels.

    Args:
        value: A list, a tuple, a set or an array of names; with ``separator``, text.
        where: Names the image in a message.
        error: Which error to raise.
        separator: What parts the names in a text; None where there are lists.

    Raises:
        DataError: It is something else, or holds what is no name.
    """
    if separator is not None and isinstance(value, str):
        return [name.strip() for name in value.split(separator) if name.strip()]
    if isinstance(value, str):
        raise error(
            f"{where} has the text {value!r}; {_HOW}. Names in one text are parted with "
            "separator=',' in from_dataframe, or text.split(',')."
        )
    if is_missing(value):
        raise error(
            f"{where} has no labels ({value!r}), which can mean unknown or none; {_HOW}. Empty "
            "cells of text become none of the labels with df[column].fillna('')."
        )
    if isinstance(value, Mapping) or not isinstance(value, (Sequence, Set, np.ndarray)):
        raise error(f"{where} has {one_line(repr(value), 60)} ({type(value).__name__}); {_HOW}.")
    names = list(value)
    if not all(isinstance(name, str) for name in names):
        raise error(
            f"{where} has {one_line(repr(names), 60)}, which are not all text; {_HOW}. Numbers "
            "could be read in two ways: give their names, or an array (n, classes) of 0 and 1."
        )
    return list(map(str, clean_labels(names, lambda _: where, error)))


def indicator_columns(
    columns: Mapping[str, list[object]], count: int, class_names: Sequence[str] | None
) -> Matrix:
    """Return the matrix of columns of a table, each of which says who has one label.

    Args:
        columns: Values by the column's name, which is the class's.
        count: How many rows there are.
        class_names: The classes in order, the same names; None for the order of the columns.

    Raises:
        TableError: A value is neither 0 nor 1, or the names are others.
    """
    for name, values in columns.items():
        for row, value in enumerate(values):
            if is_missing(value) or value not in (0, 1):
                raise TableError(
                    f"Row {row} (counted from 0) has {value!r} in column {name!r}; expected 1 "
                    "where the image has the label and 0 where it has not. Fill it in or drop the "
                    "row."
                )
    matrix = np.array([list(values) for values in columns.values()], float)
    matrix = matrix.reshape(len(columns), count).T
    found, names = read_indicators(matrix, count, list(columns), TableError)
    if class_names is None:
        return found, names
    given = GivenClasses(class_names, TableError)
    wider = np.zeros((count, len(given.names)), np.int64)
    wider[:, given.number_labels(names, where=lambda n: f"Column {names[n]!r}")] = found
    return wider, given.names


def _listed(given: Any) -> list[Any]:
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise DataError(
            f"Received {one_line(repr(given), 60)} as labels; expected a list of labels for each "
            "image, such as [['cat', 'dog'], ['dog'], []], or an array (n, classes) of 0 and 1."
        )
    return list(given)
