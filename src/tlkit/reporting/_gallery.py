"""The mistakes of which a model was most sure, with where it looked."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.model_files import read_model
from tlkit._keras.types import Model, ModelOrResult
from tlkit.data.class_names import is_numbering, numbered_as
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Ints
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.reporting._pictures import Picture, photo

SHOWN = 12
# What a report may be given: a model, what training gave, or the file of a model.
ModelLike = ModelOrResult | str | PathLike[str]


@dataclass(frozen=True)
class Mistake:
    """One image that was predicted as another class.

    Args:
        name: The image.
        truth: Its class.
        prediction: The predicted class.
        sure: Probability of the prediction, 0..1.
        chance: Probability of the truth, 0..1.
        pictures: The image; and where there is heat for it, the heat of both classes.
    """

    name: str
    truth: str
    prediction: str
    sure: float
    chance: float
    pictures: tuple[Picture, ...]


def surest_mistakes(found: Evaluation, count: int = SHOWN) -> Ints:
    """Return the positions of the wrong predictions of largest probability, largest first."""
    wrong = np.flatnonzero(found.predictions != found.y_true)
    sure = found.probabilities[wrong, found.predictions[wrong]]
    return np.asarray(wrong[np.argsort(-sure, kind="stable")][:count], np.int64)


@dataclass(frozen=True)
class Gallery:
    """The mistakes as pictures.

    Args:
        mistakes: Surest first.
        layer: Whose feature map the heat comes from; empty without heat.
        why_not: Why there is no heat, where there is none.
    """

    mistakes: tuple[Mistake, ...]
    layer: str = ""
    why_not: str = ""


def gallery(
    found: Evaluation, dataset: LabelledImages, model: Model | None, columns: Ints | None = None
) -> Gallery:
    """Return the surest mistakes, with where the model looked if there is a model to ask.

    Args:
        found: The evaluation.
        dataset: The images it is of, in the same order.
        model: The keras.Model that was evaluated, or None for pictures without heat.
        columns: Its column of each class of the evaluation; None where they are the same.
    """
    places = surest_mistakes(found)
    if not len(places):
        return Gallery(())
    if model is None:
        images = dataset.load(places, 160)
        why_not = "Without Grad-CAM: the report was given no model. Pass model=... or a run_dir."
        return Gallery(_mistakes(found, places, images), why_not=why_not)
    columns = np.arange(len(found.class_names)) if columns is None else columns
    return _with_heat(found, dataset, model, places, columns)


def _with_heat(
    found: Evaluation, dataset: LabelledImages, network: Model, places: Ints, columns: Ints
) -> Gallery:
    from tlkit.evaluation.gradcam.explanation import explain
    from tlkit.evaluation.predict import size_of

    images = dataset.load(places, size_of(network))
    try:
        heats = [
            explain(network, images, columns[labels[places]])
            for labels in (found.predictions, found.y_true)
        ]
    except EvaluationError as error:
        return Gallery(_mistakes(found, places, images), why_not=f"Without heat: {error}")
    overlays = (heat.overlay() for heat in heats)
    return Gallery(_mistakes(found, places, images, *overlays), layer=heats[0].layer)


def loaded(model: ModelLike) -> Model:
    """Return a model, read from its file where it is one."""
    if not isinstance(model, (str, PathLike)):
        return cast(Model, getattr(model, "model", model))
    way_out = "Give a .keras file that can, or model=None for a report without Grad-CAM."
    return read_model(model, EvaluationError, way_out)


def check_same(found: AnyEvaluation, dataset: LabelledImages) -> None:
    """Refuse a dataset that is not what the evaluation is of.

    Raises:
        EvaluationError: Says what differs.
    """
    differs = _what_differs(found, dataset)
    if differs == "their classes" and dataset.labels.ndim == 1:
        numbered_as(found.class_names, dataset, error=EvaluationError)  # says how
    if differs:
        raise EvaluationError(
            f"the dataset has {len(dataset)} images and the evaluation {len(found)}, and {differs}"
            " differ; expected the dataset that was evaluated, in the same order."
        )


def fits(found: AnyEvaluation, dataset: LabelledImages) -> bool:
    """Return whether a dataset is what the evaluation is of."""
    return _what_differs(found, dataset) == ""


def _what_differs(found: AnyEvaluation, dataset: LabelledImages) -> str:
    if len(found) != len(dataset):
        return "their numbers"
    if found.y_true.ndim != dataset.labels.ndim:
        return "their kinds of labels"
    named = _is_known(found.class_names, dataset)
    if not named and not is_numbering(found.class_names):
        return "their classes"
    labels = _labels_as(found.class_names, dataset) if named else dataset.labels
    if not np.array_equal(found.y_true, labels):
        return "their labels"
    known = found.image_digests
    if known is not None and not np.array_equal(known, dataset.content_digests):
        return "the images' contents"
    return ""


def _labels_as(names: tuple[str, ...], dataset: LabelledImages) -> Ints:
    if dataset.labels.ndim == 1:
        return numbered_as(names, dataset)
    return dataset.with_classes(names).labels


def _is_known(names: tuple[str, ...], dataset: LabelledImages) -> bool:
    """Return whether the dataset's images are of classes of these names."""
    return {name for name, count in dataset.class_counts.items() if count} <= set(names)


def _mistakes(found: Evaluation, places: Ints, *images: NDArray[np.uint8]) -> tuple[Mistake, ...]:
    rows = zip(*images, strict=True)
    return tuple(_mistake(found, place, row) for place, row in zip(places, rows, strict=True))


def _mistake(found: Evaluation, place: int, images: tuple[NDArray[np.uint8], ...]) -> Mistake:
    truth, guess = int(found.y_true[place]), int(found.predictions[place])
    names = found.class_names
    name = found.image_names[place] if found.image_names else f"image {place}"
    alts = (
        f"{name}, a picture of {names[truth]}",
        f"Grad-CAM for {names[guess]}",
        f"Grad-CAM for {names[truth]}",
    )
    pictures = tuple(photo(pixels, alt) for pixels, alt in zip(images, alts, strict=False))
    row = found.probabilities[place]
    return Mistake(name, names[truth], names[guess], float(row[guess]), float(row[truth]), pictures)
