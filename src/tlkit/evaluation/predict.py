"""A model, run once over a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Model, ModelOrResult
from tlkit._task import two_columns
from tlkit.data.class_names import known_names
from tlkit.data.decoding.decode import Size, as_size
from tlkit.errors import EvaluationError
from tlkit.evaluation.test_time_augmentation import Views


class LabelledImages(Protocol):
    """What an evaluation asks of a data set; `tlkit.ImageDataset` is one."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class number of each image, (n,); or whether it has each label, (n, classes)."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in order."""

    @property
    def names(self) -> Sequence[str]:
        """What each image is called."""

    def __len__(self) -> int: ...

    def load(self, indices: NDArray[np.int64], size: Size, /) -> NDArray[np.uint8]:
        """Return pixels (n, height, width, 3)."""


def predicted_probabilities(
    model_or_result: ModelOrResult,
    dataset: LabelledImages,
    batch_size: int = 32,
    image_size: int | tuple[int, int] | None = None,
    views: Views | None = None,
) -> NDArray[Any]:
    """Return what a model predicts for every image of a dataset, in order.

    Args:
        model_or_result: A ``keras.Model``, or anything with a ``model``.
        dataset: Has ``load(indices, size)`` that gives uint8 images, ``class_names`` and a length.
        batch_size: Images per batch, at least 1.
        image_size: One side in pixels or (height, width); None asks the model.
        views: How each image is seen; None for once, as it is.

    Returns:
        Shape (n, classes), as the model gives them or their mean over the views, unchecked. The
        single sigmoid of two classes, which tells the second, becomes two columns.

    Raises:
        EvaluationError: If there is no model, the size is unknown, the dataset is empty, or the
            model does not give one number per class that it or, where it knows none, the dataset
            names.
    """
    model = model_of(model_or_result)
    size = _asked_size(model_or_result, model, image_size)
    if batch_size < 1:
        raise EvaluationError(f"batch_size={batch_size!r}: expected 1 or more.")
    if not len(dataset):
        raise EvaluationError("the dataset holds no image; give at least one to evaluate.")
    seen = views or Views()
    names = known_names(model_or_result)
    classes = len(dataset.class_names if names is None else names)
    starts = range(0, len(dataset), batch_size)
    ranges = (np.arange(start, min(start + batch_size, len(dataset))) for start in starts)
    return np.concatenate(
        [_batch(model, dataset, indices, size, seen, classes) for indices in ranges]
    )


def _batch(
    model: Model,
    dataset: LabelledImages,
    indices: NDArray[np.int64],
    size: int | tuple[int, int],
    views: Views,
    classes: int,
) -> NDArray[Any]:
    images = dataset.load(indices, size)
    several = dataset.labels.ndim == 2
    outputs = [_output(model, seen, classes, several) for seen in views.of(images, indices)]
    return outputs[0] if len(outputs) == 1 else np.asarray(np.mean(outputs, axis=0))


def _output(model: Model, images: NDArray[np.number], classes: int, several: bool) -> NDArray[Any]:
    output = _only_output(predict_on_batch(model, images))
    output = output if several else _one_of_two(output, classes)
    expected = (len(images), classes)
    if output.shape == expected:
        return output
    raise EvaluationError(
        f"the model gave an output of shape {output.shape} for {len(images)} images; expected "
        f"{expected}, one probability for each of the {classes} classes. A keras.Model knows no "
        "class names, so its columns must be the dataset's classes in their order; give what fit() "
        "returned, which knows them, to have them matched by name."
    )


def _only_output(given: Any) -> NDArray[Any]:
    """Return what a model gives, also in a list or a dictionary of one."""
    parts = given if isinstance(given, Mapping) else None
    parts = dict(enumerate(given)) if isinstance(given, (list, tuple)) else parts
    if parts is None:
        return np.asarray(given)
    if len(parts) == 1:
        return np.asarray(next(iter(parts.values())))
    raise EvaluationError(
        f"the model has {len(parts)} outputs, {', '.join(map(repr, parts))}; expected one, a "
        "probability for each class. Give a model of that output alone, such as "
        "keras.Model(model.input, model.outputs[0])."
    )


def _one_of_two(output: NDArray[Any], classes: int) -> NDArray[Any]:
    """Return two columns for the single sigmoid of two classes, of which it tells the second."""
    found = two_columns(output, classes)
    if found is not output and (output.min(initial=0) < 0 or output.max(initial=0) > 1):
        raise EvaluationError(
            f"the model gave one number for each image, from {output.min():.4g} to "
            f"{output.max():.4g}; expected the probability of the second class, 0..1. If these "
            "are logits, let the model end with a sigmoid: "
            'keras.Sequential([model, keras.layers.Activation("sigmoid")]).'
        )
    return found


def content_digests(dataset: LabelledImages) -> NDArray[np.uint8] | None:
    """Return a digest of each image's content, whatever it becomes for a model; None if unknown."""
    known = getattr(dataset, "content_digests", None)
    return known if known is not None else getattr(dataset, "image_digests", None)


def model_of(model_or_result: ModelOrResult) -> Model:
    """Return the model itself, or that of a result.

    Raises:
        EvaluationError: There is none.
    """
    candidates: tuple[Any, ...] = (model_or_result, getattr(model_or_result, "model", None))
    for candidate in candidates:
        if hasattr(candidate, "predict_on_batch"):
            model: Model = candidate
            return model
    raise EvaluationError(
        f"{type(model_or_result).__name__} is no model; expected a keras.Model, or an object with "
        "one as its .model, such as a TrainingResult. A saved model becomes one with "
        "tlkit.Predictor(file), which knows its classes."
    )


def _asked_size(
    given: ModelOrResult, model: Model, asked: int | tuple[int, int] | None
) -> tuple[int, int]:
    """Return (height, width) in pixels at which a model is given its images."""
    fixed = fixed_size(model)
    if asked is None:  # a file of a model that resizes its images knows the size of the training
        known: Any = getattr(getattr(given, "contract", None), "image_size", None)
        return fixed or known or size_of(model)
    size = as_size(asked)
    if fixed is not None and size != fixed:
        raise EvaluationError(
            f"image_size={asked!r}, and the model takes {fixed[0]} x {fixed[1]} pixels. Leave "
            "image_size out."
        )
    return size


def fixed_size(model: Model) -> tuple[int, int] | None:
    """Return the (height, width) that a model asks for; None where it leaves it open."""
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, tuple) and len(shape) == 4 and all(isinstance(s, int) for s in shape[1:3]):
        return (int(shape[1]), int(shape[2]))
    return None


def size_of(model: Model) -> tuple[int, int]:
    """Return the height and width in pixels of the images that a model takes.

    Raises:
        EvaluationError: It leaves the size open.
    """
    size = fixed_size(model)
    if size is not None:
        return size
    raise EvaluationError(
        f"the model's input_shape is {getattr(model, 'input_shape', None)!r}, which leaves the "
        "image size open; expected (None, height, width, 3). Give image_size=(height, width)."
    )
