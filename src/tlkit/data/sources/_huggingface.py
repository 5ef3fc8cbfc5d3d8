"""A data set of Hugging Face: images as they are stored, read when asked for, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.data.decoding.contents import Content, read_content, require_size
from tlkit.data.decoding.depth import Unusable
from tlkit.data.given_classes import GivenClasses
from tlkit.data.labels import encode_labels
from tlkit.data.sources._dataframes import missing_column
from tlkit.data.sources._places import place_of
from tlkit.data.sources._table_files import row_name
from tlkit.data.sources.files import FileStore
from tlkit.errors import DataError


@dataclass(frozen=True)
class Cell(Content):
    """The image of a row.

    Args:
        rows: The data set with that column alone, whose images are not decoded.
        column: Its name.
        row: Number of the row.
    """

    rows: Any
    column: str
    row: int

    def __str__(self) -> str:
        return f"row {self.row}"

    def __hash__(self) -> int:
        return hash((id(self.rows), self.row))

    def read_content(self) -> bytes:
        """Return the bytes that are stored, or those of the file that is named there."""
        cell = self.rows[self.row][self.column]
        if cell is None or (cell.get("bytes") is None and not cell.get("path")):
            raise Unusable("holds no image")
        if cell.get("bytes") is None:
            return read_content(place_of(cell["path"]))
        content: bytes = cell["bytes"]
        require_size(len(content))
        return content

    def content_key(self) -> None:
        """Return nothing: rows are read again."""

    def for_another_process(self) -> bytes:
        """Return the bytes."""
        return self.read_content()


def read_huggingface(
    dataset: Any,
    *,
    image: str,
    label: str,
    class_names: Sequence[str] | None,
    depth: int | None,
) -> tuple[FileStore, NDArray[np.int64], tuple[str, ...]]:
    """Take the images and labels of a data set.

    Args:
        dataset: A ``datasets.Dataset``.
        image: Name of the column of images.
        label: Name of the column of labels.
        class_names: The classes in order; None for those of a ``ClassLabel``, or else the sorted
            distinct labels.
        depth: Of images with more than 8 bits; None to find it in them.

    Returns:
        The images, class numbers (n,) int64, and class names.

    Raises:
        DataError: It is no such data set, has no such columns, or a row has no label.
    """
    store = read_images(dataset, image=image, depth=depth)
    feature = _feature(dataset, label, "ClassLabel")
    values = dataset.with_format(None).select_columns([label])[:][label]
    names = getattr(feature, "names", None)
    if names is None:
        return store, *_numbered(values, class_names)
    without = [row for row, value in enumerate(values) if value is None or value < 0]
    if without:
        raise DataError(
            f"Row {without[0]} (counted from 0) has no label ({values[without[0]]}), as "
            f"{len(without)} rows; expected a class in each. Data sets of Hugging Face often come "
            "without the labels of their test: give label=None for images without labels."
        )
    texts = [names[value] for value in values]
    given = GivenClasses(names if class_names is None else class_names)
    return store, given.number_labels(texts, where=row_name), given.names


def _numbered(
    values: Any, class_names: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if class_names is None:
        return encode_labels(values, where=row_name)
    given = GivenClasses(class_names)
    return given.number_labels(values, where=row_name, by_name=True), given.names


def read_images(dataset: Any, *, image: str, depth: int | None) -> FileStore:
    """Take the images of a data set, without labels; see `read_huggingface`."""
    _require_rows(dataset)
    feature = _feature(dataset, image, "Image")
    if type(feature).__name__ != "Image":
        raise DataError(
            f"Column {image!r} holds {feature}; expected a datasets.Image. Cast it first: "
            f"dataset.cast_column({image!r}, datasets.Image())."
        )
    stored = type(feature)(decode=False)
    rows = dataset.with_format(None).select_columns([image]).cast_column(image, stored)
    if not len(rows):
        raise DataError("The data set has no rows; expected one row per image.")
    cells = [Cell(rows, image, row) for row in range(len(rows))]
    return FileStore(cells, [f"row {row}" for row in range(len(rows))], depth)


def _require_rows(dataset: Any) -> None:
    if hasattr(dataset, "features") and hasattr(dataset, "select_columns"):
        if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
            return
        raise DataError(
            "Received a streamed data set, which can be read only from its beginning; expected "
            "one whose rows are on this machine. Load it without streaming=True."
        )
    if hasattr(dataset, "keys") and hasattr(dataset, "cast_column"):
        raise DataError(
            f"Received a data set with the parts {', '.join(map(repr, dataset))}; expected one "
            f"part. Take it by its name: dataset[{next(iter(dataset))!r}]."
        )
    raise DataError(
        f"Received a {type(dataset).__name__}; expected a datasets.Dataset of Hugging Face, such "
        "as datasets.load_dataset(name, split='train')."
    )


def _feature(dataset: Any, column: str, kind: str) -> Any:
    """Return what a column holds; an error tells which columns hold what is looked for."""
    features = dataset.features
    if column not in features:
        those = [name for name in features if type(features[name]).__name__ == kind]
        hint = f" A datasets.{kind} is in {' and '.join(map(repr, those))}." if those else ""
        raise DataError(missing_column(column, list(features)) + hint)
    return features[column]
