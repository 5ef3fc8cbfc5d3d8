"""Labels and probabilities, checked before anything is computed from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats, Ints

_SUM_TOLERANCE = 1e-2  # half-precision softmax over many classes strays this far from one


def checked_probabilities(values: ArrayLike) -> Floats:
    """Return probabilities as float64 (n, classes), each row scaled to sum to one.

    Rows that sum to one within rounding are left as they are, bit for bit.

    Raises:
        EvaluationError: If the shape is wrong, there is no image or only one class, a value is not
            finite or outside [0, 1], or a row does not sum to one within 0.01.
    """
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"probabilities are not numbers: {error}.") from error
    if array.ndim != 2:
        raise EvaluationError(
            f"probabilities have shape {array.shape}; expected (images, classes)."
        )
    if not len(array):
        raise EvaluationError("there is no image to evaluate; give at least one.")
    if array.shape[1] < 2:
        raise EvaluationError(
            f"probabilities have {array.shape[1]} class; expected two or more columns. "
            "For a single sigmoid output p, pass the two columns 1 - p and p."
        )
    _check_values(array)
    sums = array.sum(axis=1)
    off = np.abs(sums - 1) > array.shape[1] * np.finfo(np.float64).eps
    if off.any():
        array /= np.where(off, sums, 1.0)[:, None]
    return array


def checked_labels(values: ArrayLike, images: int, classes: int) -> Ints:
    """Return class numbers as int64 of shape (images,).

    Raises:
        EvaluationError: If there are not as many labels as images, they are not whole numbers, or
            one is not a class.
    """
    labels = np.asarray(values)
    if labels.shape != (images,):
        raise EvaluationError(
            f"y_true has shape {labels.shape}; expected ({images},), one class number for each row "
            "of the probabilities."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise EvaluationError(
            f"y_true holds {labels.dtype} values; expected class numbers 0 .. {classes - 1}. "
            "Turn names into numbers with class_names.index(name)."
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise EvaluationError(
            f"y_true[{wrong[0]}] is {labels[wrong[0]]}, but there are {classes} classes: expected "
            f"0 .. {classes - 1}. {len(wrong)} of {images} labels are out of range."
        )
    return labels.astype(np.int64)


def checked_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    """Return one name per class; "0", "1", ... for None.

    Raises:
        EvaluationError: If the number of names is wrong or a name occurs twice.
    """
    if names is None:
        return tuple(str(number) for number in range(classes))
    found = tuple(str(name) for name in names)
    if len(found) != classes:
        raise EvaluationError(
            f"there are {len(found)} class names and {classes} columns of probabilities; "
            "expected one name per column."
        )
    if len(set(found)) < classes:
        twice, _ = Counter(found).most_common(1)[0]
        raise EvaluationError(f"the class name {twice!r} occurs twice; names must differ.")
    return found


def checked_image_names(names: Sequence[str] | None, images: int) -> tuple[str, ...] | None:
    """Return one name per image, or None.

    Raises:
        EvaluationError: If the number of names is wrong.
    """
    if names is None or len(names) == images:
        return None if names is None else tuple(map(str, names))
    raise EvaluationError(
        f"there are {len(names)} image names and {images} images; expected one name per image, or "
        "None."
    )


def checked_digests(digests: ArrayLike | None, images: int) -> NDArray[np.uint8] | None:
    """Return one digest of equal length per image, uint8 (images, bytes), or None.

    Raises:
        EvaluationError: If the shape or the type is wrong.
    """
    if digests is None:
        return None
    found = np.array(digests)
    if found.dtype == np.uint8 and found.ndim == 2 and len(found) == images:
        return found
    raise EvaluationError(
        f"image_digests have shape {found.shape} and type {found.dtype}; expected uint8 of shape "
        f"({images}, bytes), such as dataset.image_digests, or None."
    )


def _check_values(array: Floats) -> None:
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(wrong):
        raise EvaluationError(
            f"row {wrong[0]} of the probabilities holds NaN or infinity ({len(wrong)} rows do). "
            "Check that the training loss stayed finite."
        )
    sums = array.sum(axis=1)
    tiny = 1e-6
    wrong = np.flatnonzero(
        (array < -tiny).any(axis=1)
        | (array > 1 + _SUM_TOLERANCE).any(axis=1)
        | (np.abs(sums - 1) > _SUM_TOLERANCE)
    )
    if len(wrong):
        row = wrong[0]
        raise EvaluationError(
            f"row {row} of the probabilities sums to {sums[row]:.6g}, with values from "
            f"{array[row].min():.4g} to {array[row].max():.4g} ({len(wrong)} rows are wrong); "
            "expected values in [0, 1] that sum to one. If these are logits, apply softmax first: "
            "keras.Sequential([model, keras.layers.Softmax()])."
        )
    np.clip(array, 0, None, out=array)


def checked_sigmoids(values: ArrayLike) -> Floats:
    """Return probabilities of labels as float64 (n, classes), each in 0..1.

    Raises:
        EvaluationError: The shape is wrong, there is no image or only one label, or a value is not
            finite or outside [0, 1].
    """
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"probabilities are not numbers: {error}.") from error
    if array.ndim != 2 or not len(array) or array.shape[1] < 2:
        raise EvaluationError(
            f"probabilities have shape {array.shape}; expected (images, classes), at least one "
            "image and two labels."
        )
    wrong = np.argwhere(~((array >= -1e-6) & (array <= 1 + 1e-6)))  # NaN is wrong too
    if len(wrong):
        row, column = wrong[0].tolist()
        raise EvaluationError(
            f"probabilities[{row}, {column}] is {array[row, column]:.6g}; expected values in [0, "
            "1]. If these are logits, apply a sigmoid first: "
            'keras.Sequential([model, keras.layers.Activation("sigmoid")]).'
        )
    return np.clip(array, 0, 1)


def checked_label_matrix(values: ArrayLike, shape: tuple[int, ...]) -> Ints:
    """Return labels as int64 of a shape, each 0 or 1.

    Raises:
        EvaluationError: The shape is another, or a value is neither.
    """
    labels = np.asarray(values)
    if labels.shape != shape or not np.isin(labels, (0, 1)).all():
        raise EvaluationError(
            f"y_true has shape {labels.shape} and type {labels.dtype}; expected {shape}, 1 where "
            "an image has a label and 0 elsewhere, as MultiLabelDataset.labels are."
        )
    return labels.astype(np.int64)
