"""Labels of batches: numbers, text, or one-hot rows -> class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.data.class_names import shown_names
from tlkit.data.given_classes import GivenClasses
from tlkit.data.labels import check_class_names, encode_labels
from tlkit.errors import DataError


class LabelColumn:
    """Labels as they come, one element of a stream after the other."""

    def __init__(self) -> None:
        self._labels: list[int | str] = []
        self._columns: int | None = None

    def add(self, given: Any, images: int, where: str, *, batched: bool) -> None:
        """Take in the labels of an element.

        Args:
            given: A number, text or a one-hot vector; or one of these for each image of a batch.
            images: How many images it has.
            where: Names the element in a message.
            batched: Whether it is a batch.

        Raises:
            DataError: There is not one class for each image.
        """
        labels = np.asarray(given)
        if not batched:
            labels = labels[None]
        if len(labels) != images or labels.ndim > 2:
            raise DataError(
                f"{where} has {images} images and labels of shape {labels.shape}; expected one "
                "label for each image."
            )
        if labels.ndim == 2 and labels.shape[1] != 1:
            self._labels += self._of_one_hot(labels, where)
            return
        if self._columns is not None:
            raise _two_kinds(where)
        self._labels += [_plain(label, where) for label in labels.reshape(images).tolist()]

    def _of_one_hot(self, rows: NDArray[Any], where: str) -> list[int]:
        if self._columns not in (None, rows.shape[1]) or (self._columns is None and self._labels):
            raise _two_kinds(where)
        self._columns = rows.shape[1]
        if not (np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()):
            raise DataError(
                f"{where} has labels of shape {rows.shape} that are not one-hot (each row 0 but "
                "for one 1); expected one class for each image. Labels that were mixed or smoothed "
                "belong to training: Stage(mix=..., label_smoothing=...). Images with any number "
                "of labels are a data set by tlkit.MultiLabelDataset.from_arrays."
            )
        return [int(column) for column in rows.argmax(axis=1)]

    def numbered(
        self, class_names: Sequence[str] | None
    ) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return class numbers, (n,) int64, and the names of the classes.

        Args:
            class_names: The classes in order, of which numbers are positions; None for the columns
                of one-hot labels, or else the sorted distinct labels.

        Raises:
            DataError: A label is not among them, or there are fewer than two classes.
        """
        if class_names is None and self._columns is None:
            return encode_labels(self._labels, where=_of_image)
        if class_names is None:
            class_names = [str(number) for number in range(self._columns or 0)]
        if any(isinstance(label, str) for label in self._labels):
            given = GivenClasses(class_names)
            return given.number_labels(self._labels, where=_of_image), given.names
        names = check_class_names(list(class_names))
        numbers = np.array(self._labels, np.int64)
        wrong = np.flatnonzero((numbers < 0) | (numbers >= len(names)))
        if len(wrong) or self._columns not in (None, len(names)):
            received = (
                f"{_of_image(int(wrong[0]))} is {numbers[wrong[0]]}"
                if len(wrong)
                else f"One-hot labels have {self._columns} columns"
            )
            raise DataError(
                f"{received}; expected a position among the {len(names)} class_names: "
                f"{shown_names(names)}. Correct the labels or class_names."
            )
        return numbers, names


def _plain(label: Any, where: str) -> int | str:
    if isinstance(label, bytes):
        return label.decode()
    if isinstance(label, (int, str)):
        return label
    if isinstance(label, float) and label.is_integer():  # as label_mode="binary" gives them
        return int(label)
    raise DataError(
        f"{where} has the label {label!r} ({type(label).__name__}); expected text, a whole number "
        "or a one-hot vector."
    )


def _two_kinds(where: str) -> DataError:
    return DataError(
        f"{where} has labels of another kind than those before; expected one kind: whole numbers, "
        "text, or one-hot vectors of one length."
    )


def _of_image(index: int) -> str:
    return f"The label of image {index} (counted from 0)"
