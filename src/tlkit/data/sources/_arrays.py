"""Arrays of images and labels -> a checked store and class numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.data.given_classes import GivenClasses
from tlkit.data.labels import encode_labels
from tlkit.data.sources.stores import ArrayStore
from tlkit.errors import DataError

# Class names or numbers: a list, an array, a column of a table.
Labels = Sequence[str | int] | NDArray[np.generic]


def read_arrays(
    images: ArrayLike, labels: Labels, class_names: Sequence[str] | None
) -> tuple[ArrayStore, NDArray[np.int64], tuple[str, ...]]:
    """Check arrays of images and labels.

    Args:
        images: Array of shape (n, h, w, 3), uint8, 0..255, RGB.
        labels: n class numbers or class names.
        class_names: The classes in order; None for the sorted distinct labels.

    Returns:
        The images, their class numbers (n,) int64, and the class names.

    Raises:
        DataError: The arrays are not what is described above, or do not fit together.

    Example:
        >>> images = np.zeros((2, 8, 8, 3), np.uint8)
        >>> read_arrays(images, ["dog", "cat"], None)[1:]
        (array([1, 0]), ('cat', 'dog'))
    """
    pixels = checked_images(images)
    values = _checked_labels(labels, len(pixels))
    if class_names is None:
        numbers, names = encode_labels(values, where="Image {}".format)
    else:
        given = GivenClasses(class_names)
        numbers, names = given.number_labels(values), given.names
    return ArrayStore(pixels), numbers, names


def checked_images(images: ArrayLike) -> NDArray[np.uint8]:
    """Return images as an array that is not copied.

    Raises:
        DataError: They are no uint8 (n, h, w, 3).
    """
    try:
        array: NDArray[np.generic] = np.asanyarray(images)
    except ValueError as error:
        raise DataError(
            "The images have different shapes; expected one array (n, h, w, 3). "
            "Resize them first, or save them as files and use ImageDataset.from_directory."
        ) from error
    if array.dtype != np.uint8:
        raise DataError(_wrong_dtype(array))
    if array.ndim != 4 or array.shape[-1] != 3 or 0 in array.shape:
        raise DataError(
            f"Received images of shape {array.shape}; expected (n, h, w, 3) with at least one "
            f"image. {shape_hint(array.shape)}"
        )
    return array.view(np.uint8)


def _wrong_dtype(array: NDArray[np.generic]) -> str:
    received = f"Received images of type {array.dtype}"
    hint = "Convert them with images.astype('uint8')."
    if array.dtype.kind == "f" and array.size:
        low, high = np.min(array), np.max(array)
        received += f" from {low:g} to {high:g}"
        if np.isnan(low):
            hint = "They contain NaN: find where it comes from, then convert to uint8."
        elif low >= 0 and high <= 1:
            hint = "Convert them with (images * 255).round().astype('uint8')."
    return f"{received}; expected raw pixels, uint8 in 0..255, not preprocessed. {hint}"


def shape_hint(shape: tuple[int, ...]) -> str:
    """Return what to do with an array (n, h, w, 3) that is of another shape."""
    if len(shape) == 3:
        return "One image needs images[None]; grey images need np.stack([images] * 3, axis=-1)."
    if len(shape) == 4 and shape[-1] == 1:
        return "Grey images become RGB with np.repeat(images, 3, axis=-1)."
    if len(shape) == 4 and shape[-1] == 4:
        return "Drop the alpha channel with images[..., :3]."
    if len(shape) == 4 and shape[1] == 3:
        return "Channels come last: use np.moveaxis(images, 1, -1)."
    return "Stack the images along a first axis, channels last."


def _checked_labels(labels: Labels, count: int) -> list[object]:
    shape = _shape(labels)
    if len(shape) == 2:
        raise DataError(
            f"Received labels of shape {shape}; expected ({count},). One-hot labels become "
            "class numbers with labels.argmax(axis=1); images with any number of labels are a "
            "tlkit.MultiLabelDataset.from_arrays(images, labels)."
        )
    if shape != (count,):
        raise DataError(
            f"Received {count} images and labels of shape {shape}; expected one label per image."
        )
    return list(labels)


def _shape(labels: Labels) -> tuple[int, ...]:
    try:
        return np.shape(labels)
    except ValueError:  # lists of different lengths
        return len(labels), max(map(np.size, labels))
