"""Labels as scikit-learn passes them on -> sorted classes, class numbers and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tlkit.data.labels import check_class_names, is_missing
from tlkit.errors import DataError

# One label for each picture: text or numbers.
Labels: TypeAlias = "Sequence[Any] | NDArray[Any]"


class Encoded(NamedTuple):
    """Labels as numbers.

    Args:
        classes: Distinct labels, sorted, as they were given.
        codes: Position of each label among them, (n,), int64.
        names: The classes as text, for the model and for messages.
    """

    classes: NDArray[Any]
    codes: NDArray[np.int64]
    names: tuple[str, ...]


def encoded(labels: Labels) -> Encoded:
    """Return labels as numbers, by their sorted distinct values.

    Raises:
        DataError: There is none, or fewer than two classes; one is missing; they cannot be sorted;
            or two of them read alike.
        ValueError: scikit-learn takes them for the values of a regression, or for several labels
            for each picture.

    Example:
        >>> encoded([7, 3, 7]).classes, encoded(["b", "a"]).codes
        (array([3, 7]), array([1, 0]))
    """
    from sklearn.utils.multiclass import check_classification_targets

    column = _column(labels)
    try:
        classes, codes = np.unique(column, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in column.tolist()})
        raise DataError(
            f"Labels of the types {', '.join(kinds)} cannot be sorted; expected one kind. Turn "
            "them all into text, for example [str(label) for label in y]."
        ) from error
    check_classification_targets(column)
    names = check_class_names([str(label) for label in classes.tolist()])
    return Encoded(classes, codes.astype(np.int64), names)


def _column(labels: Labels) -> NDArray[Any]:
    from sklearn.utils.validation import column_or_1d

    if labels is None:
        raise DataError(
            "ImageClassifier requires y to be passed, but the target y is None. Give a label for "
            "each picture: fit(X, y)."
        )
    if _several(labels):
        raise ValueError(
            "ImageClassifier takes one label for each picture, y of shape (n,), and received "
            f"shape {np.asarray(labels).shape}. Any number of labels are learned by "
            "tlkit.fine_tune of a tlkit.MultiLabelDataset."
        )
    column: NDArray[Any] = column_or_1d(labels, warn=True)
    for place, label in enumerate(column.tolist()):
        if is_missing(label) or label in (float("inf"), float("-inf")):
            raise DataError(
                f"Label {place} (counted from 0) is {label!r}: y contains NaN, infinity or an "
                "empty cell. Expected text or a whole number. Fill it in or drop the picture."
            )
    return column


def _several(labels: Labels) -> bool:
    """Return whether each picture has a row of labels, and not just one in a column."""
    shape = np.asarray(labels).shape
    return len(shape) == 2 and shape[1] > 1
