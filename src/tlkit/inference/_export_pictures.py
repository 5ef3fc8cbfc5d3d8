"""The pictures of an export: those it is made from, and those on which it is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import counted
from tlkit.data.class_names import shared_classes
from tlkit.data.expected import require_dataset
from tlkit.data.fits import require_same_reading
from tlkit.errors import EvaluationError, PredictionError, TlkitError
from tlkit.inference.contract import ModelContract
from tlkit.inference.export_target import Precision
from tlkit.inference.pictures import Given, as_pictures, read, spread

# Pictures on which an export is compared with Keras, where none are labelled.
COMPARED = 64
# As many as NNCF takes where it is not told; TensorFlow's guide has 100 to 500.
COUNT = 300
# Of fewer, one unusual picture would set the range of a whole layer.
FEWEST = 10


def calibration_pictures(
    given: Given | None, contract: ModelContract, precision: Precision
) -> NDArray[np.uint8] | None:
    """Return what a quantized model learns from how large its activations get.

    That is up to ``COUNT`` of some pictures, evenly spread over all:
    of every class, where they are sorted by class.

    Args:
        given: As for `tlkit.Predictor.predict`.
        contract: Of the model.
        precision: Of the file.

    Returns:
        Pixels (n, height, width, 3), uint8, 0..255, read as for training; None for float32.

    Raises:
        PredictionError: There are none for int8, or some for float32; they are fewer than
            ``FEWEST`` or of other classes than the model's; or one cannot be read.
        DataError: A folder or an array is not what it should be.
    """
    if given is None and precision == "int8":
        raise PredictionError(
            "precision='int8' needs calibration=, pictures like those that the model will see; "
            "expected a data set, a folder or files."
        )
    if given is None:
        return None
    if precision != "int8":
        raise PredictionError(
            f"calibration= was given for precision={precision!r}, which needs none. Leave it out, "
            "or ask for precision='int8'."
        )
    pictures: Any = as_pictures(given, contract)
    if len(pictures) < FEWEST:
        raise PredictionError(
            f"calibration= has {len(pictures)} pictures; expected {FEWEST} or more, {COUNT} at "
            "best, such as those of the training: they tell how large the model's activations get."
        )
    if hasattr(given, "class_names"):
        _check_classes(given, contract.class_names, "calibration=", PredictionError)
    images, errors = read(pictures, spread(len(pictures), COUNT), contract.image_size)
    if errors:
        first = next(iter(errors.values()))
        raise PredictionError(
            f"calibration= holds {counted(len(errors), 'picture')} without pixels: {first}"
        )
    return images


def compared_pictures(given: Given | None, contract: ModelContract) -> NDArray[np.uint8]:
    """Return pictures to compare on, (n, height, width, 3), uint8.

    That is up to ``COMPARED`` of those that are given, evenly spread over all: of every class,
    where they are sorted by class. Where none are given it is noise.

    Raises:
        PredictionError: None of them can be read.
        DataError: A folder or an array is not what it should be.
    """
    if given is None:
        shape = (32, *contract.image_size, 3)
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = as_pictures(given, contract)
    images, errors = read(found, spread(len(found), COMPARED), contract.image_size)
    if not len(images):
        raise PredictionError(f"no picture can be read: {errors[0]}")
    return images


def check_test(test: Any, contract: ModelContract) -> None:
    """Refuse a test set without labels, or of other classes, before an export begins.

    Raises:
        EvaluationError: Says what was given.
    """
    require_dataset(test, "test", EvaluationError)
    require_same_reading(contract, test, EvaluationError)
    _check_classes(test, contract.class_names, "test=", EvaluationError)


def _check_classes(
    given: Any, class_names: tuple[str, ...], what: str, error: type[TlkitError]
) -> None:
    labels = given.labels if given.labels.ndim == 1 else np.flatnonzero(given.labels.any(axis=0))
    words = ("the model", what)
    shared_classes(class_names, given.class_names, labels, words=words, error=error)
