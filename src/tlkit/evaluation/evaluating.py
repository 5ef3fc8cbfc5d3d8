"""A model, run over a data set and scored."""

from __future__ import annotations

from typing import Any, TypeAlias, overload

import numpy as np

from tlkit._keras.types import ModelOrResult
from tlkit._task import Task, known_task
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.data.class_names import known_names, shared_classes
from tlkit.data.expected import require_dataset
from tlkit.data.fits import require_same_reading
from tlkit.data.multi_label import MultiLabelDataset
from tlkit.errors import EvaluationError
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.multi_label import MultiLabelEvaluation
from tlkit.evaluation.predict import LabelledImages, content_digests, predicted_probabilities
from tlkit.evaluation.test_time_augmentation import Views, views_of

AnyEvaluation: TypeAlias = Evaluation | MultiLabelEvaluation


@overload
def evaluate(
    model_or_result: ModelOrResult,
    dataset: MultiLabelDataset,
    batch_size: int = 32,
    *,
    image_size: int | tuple[int, int] | None = None,
    augmentation: AugmentationLike = None,
    views: int | None = None,
    seed: int = 0,
) -> MultiLabelEvaluation: ...
@overload
def evaluate(
    model_or_result: ModelOrResult,
    dataset: LabelledImages,
    batch_size: int = 32,
    *,
    image_size: int | tuple[int, int] | None = None,
    augmentation: AugmentationLike = None,
    views: int | None = None,
    seed: int = 0,
) -> Evaluation: ...
def evaluate(
    model_or_result: ModelOrResult,
    dataset: LabelledImages,
    batch_size: int = 32,
    *,
    image_size: int | tuple[int, int] | None = None,
    augmentation: AugmentationLike = None,
    views: int | None = None,
    seed: int = 0,
) -> Evaluation | MultiLabelEvaluation:
    """Run a model over a dataset and score what it predicts.

    Each image is seen once, as it is; or with ``augmentation``, several times (test-time
    augmentation): once as it is and ``views - 1`` times changed at random, and the mean of the
    probabilities is scored. Compare the two for the gain, with its interval::

        tlkit.compare({
            "plain": tlkit.evaluate(model, data),
            "8 views": tlkit.evaluate(model, data, augmentation=tlkit.Augmentation(rotation=10)),
        })

    Classes are matched by name where the model's are known, as those of a training result are: the
    dataset may have them in another order, or only some of them. The evaluation numbers them as the
    dataset does, without those that the model does not know and no image is of; behind these come
    classes that the model alone knows. A bare ``keras.Model`` knows no names: its columns are taken
    to be the dataset's classes in their order.

    A single sigmoid of two classes, which tells the second, becomes two columns. Of a
    `tlkit.MultiLabelDataset` each label is predicted for itself, with the thresholds that the model
    knows, or 0.5; see `tlkit.MultiLabelEvaluation`.

    Args:
        model_or_result: A ``keras.Model`` that takes RGB images of values 0..255, shape
            (n, height, width, 3), and gives probabilities (n, classes); or anything with such a
            ``model``, as a training result.
        dataset: A `tlkit.ImageDataset` or a `tlkit.MultiLabelDataset`.
        batch_size: Images per batch, at least 1.
        image_size: One side in pixels or (height, width); None asks the model.
        augmentation: What a `tlkit.Stage` takes: an `tlkit.Augmentation`, a Keras
            preprocessing layer, or None.
        views: How often each image is seen in all, at least 2; None for 8. Only with
            ``augmentation``.
        seed: What is drawn for a view of an image follows from this, the view's number and the
            image's position in the dataset alone.

    Returns:
        An `Evaluation`, or of a `tlkit.MultiLabelDataset` a `MultiLabelEvaluation`.

    Raises:
        EvaluationError: If there is no model, the size is unknown, the dataset is empty, what
            comes out are not probabilities of the dataset's classes, an image is of a class that
            the model does not know, ``views`` does not fit, or the dataset is not read as the
            pictures that the model was trained on (`tlkit.ImageDataset.fit`).
        DataError: If the augmentation is none.
    """
    require_dataset(dataset, "dataset", EvaluationError)
    require_same_reading(model_or_result, dataset, EvaluationError)
    _check_task(model_or_result, dataset)
    how = (batch_size, image_size, views_of(augmentation, views, seed))
    if dataset.labels.ndim == 2:
        return _of_labels(model_or_result, dataset, *how)
    names = known_names(model_or_result)
    shared = shared_classes(names, dataset.class_names, dataset.labels, error=EvaluationError)
    probabilities = predicted_probabilities(model_or_result, dataset, *how)
    return Evaluation.from_predictions(
        shared.numbers[dataset.labels],
        probabilities[:, shared.columns],
        shared.names,
        image_names=dataset.names,
        image_digests=content_digests(dataset),
    )


def _of_labels(
    given: ModelOrResult,
    dataset: LabelledImages,
    batch_size: int,
    image_size: int | tuple[int, int] | None,
    views: Views,
) -> MultiLabelEvaluation:
    names, labels = known_names(given), dataset.labels
    present = np.flatnonzero(labels.any(axis=0))
    shared = shared_classes(names, dataset.class_names, present, error=EvaluationError)
    probabilities = predicted_probabilities(given, dataset, batch_size, image_size, views)
    truth = np.zeros((len(labels), len(shared.names)), np.int64)
    known = np.flatnonzero(shared.numbers >= 0)
    truth[:, shared.numbers[known]] = labels[:, known]
    cuts: Any = getattr(given, "thresholds", None)
    return MultiLabelEvaluation.from_predictions(
        truth,
        probabilities[:, shared.columns],
        shared.names,
        thresholds=0.5 if cuts is None else [cuts[column] for column in shared.columns],
        image_names=dataset.names,
        image_digests=content_digests(dataset),
    )


def _check_task(given: ModelOrResult, dataset: LabelledImages) -> None:
    """Refuse a model of single classes for many labels, and the other way round."""
    task = known_task(given)
    if task is not None and (task is Task.MULTILABEL) != (dataset.labels.ndim == 2):
        kinds = ("a single class", "any number of labels")
        kinds = kinds[::-1] if task is Task.MULTILABEL else kinds
        raise EvaluationError(
            f"the model tells {kinds[0]} of each image, and the dataset has {kinds[1]}; expected "
            "the same of both. Labels of one class each are a tlkit.ImageDataset, any number of "
            "labels a tlkit.MultiLabelDataset."
        )
