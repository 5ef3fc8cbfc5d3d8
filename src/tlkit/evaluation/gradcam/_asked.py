"""What an explanation is asked about: images, and a class for each of them."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._keras.types import Model, ModelOrResult
from tlkit.data.class_names import known_names, shared_classes
from tlkit.data.expected import require_dataset
from tlkit.data.unlabelled import UnlabelledImages
from tlkit.errors import EvaluationError
from tlkit.evaluation.predict import LabelledImages, size_of


def pixels_of(
    model: Model, images: ArrayLike | LabelledImages | UnlabelledImages
) -> NDArray[np.number]:
    """Return images as a model takes them, (n, height, width, 3).

    Raises:
        EvaluationError: They have another shape.
    """
    given: Any = images
    if isinstance(given, (str, PathLike)):
        require_dataset(given, "images", EvaluationError)
    if hasattr(given, "load"):  # a data set, or images without labels
        given = given.load(np.arange(len(given)), size_of(model))
    pixels: NDArray[np.number] = np.asarray(given)
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or not len(pixels):
        raise EvaluationError(
            f"images have shape {pixels.shape}; expected (n, height, width, 3) with n of 1 or more."
            " A single image is images[None]."
        )
    return pixels


def numbering(
    model_or_result: ModelOrResult,
    images: ArrayLike | LabelledImages | UnlabelledImages,
    *,
    numbered: bool,
) -> tuple[tuple[str, ...] | None, NDArray[np.int64] | None]:
    """Return what class numbers mean, and the model's column of each where that is another one.

    Args:
        model_or_result: What is asked; a result knows its classes.
        images: A data set knows its classes, too.
        numbered: Whether classes are asked for by number.

    Raises:
        EvaluationError: An image is of a class that the model does not know, or a number could
            mean two classes.
    """
    known, given = known_names(model_or_result), images
    if known is None or not hasattr(given, "class_names"):
        return known, None
    dataset: Any = given
    labels = dataset.labels
    labels = labels if labels.ndim == 1 else np.flatnonzero(labels.any(axis=0))  # of which some are
    shared = shared_classes(known, dataset.class_names, labels, error=EvaluationError)
    if numbered and shared.renumbered:
        raise EvaluationError(
            "the dataset has classes without an image that the model does not know, so that a "
            "class number could mean two classes. Give images=dataset.with_classes("
            "result.class_names), and classes as numbered there."
        )
    return shared.names, shared.columns


def wanted_columns(
    classes: ArrayLike | None, images: int, columns: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """Return the model's column that is asked about in each image, (n,); None for what it predicts.

    Args:
        classes: Class number of each image, or one for all, or None.
        images: How many there are.
        columns: The model's column of each class number; None where they are the same.

    Raises:
        EvaluationError: These are no class numbers, or not as many as images.
    """
    if classes is None:
        return None
    wanted = np.asarray(classes)
    if wanted.shape not in ((), (images,)) or not np.issubdtype(wanted.dtype, np.integer):
        raise EvaluationError(
            f"classes has shape {wanted.shape} and type {wanted.dtype}; expected one class number, "
            f"or {images} of them, one for each image."
        )
    if wanted.min() < 0:
        raise EvaluationError(f"classes holds {wanted.min()}; class numbers count from 0.")
    if columns is not None:
        if wanted.max() >= len(columns):
            raise EvaluationError(
                f"classes holds {wanted.max()}, and the model knows {len(columns)} classes, 0 .. "
                f"{len(columns) - 1}."
            )
        wanted = columns[wanted]
    return np.broadcast_to(wanted, (images,)).astype(np.int64)
