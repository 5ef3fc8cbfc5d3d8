"""Figures and mistakes of an evaluation of any number of labels, as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import EvaluationError
from tlkit.evaluation._label_tables import ImageLabels, LabelScore
from tlkit.evaluation.arrays import Ints
from tlkit.evaluation.metrics.class_intervals import f1_intervals
from tlkit.evaluation.metrics.label_scores import METRICS
from tlkit.evaluation.multi_label import MultiLabelEvaluation
from tlkit.evaluation.plots import plot_precision_recall
from tlkit.reporting._evaluated import Score
from tlkit.reporting._gallery import SHOWN
from tlkit.reporting._pictures import Picture, drawn, photo

_ROWS = 300  # of a table that a browser sorts at once


@dataclass(frozen=True)
class LabelRow:
    """How well one label is found.

    Args:
        score: Its figures.
        low: Lower end of the interval of its F1.
        high: Upper end.
        counts: Images that have it and are given it, that lack it and are given it, that have it
            and are not given it.
        below: Whether its F1 is below the benchmark.
    """

    score: LabelScore
    low: float
    high: float
    counts: tuple[int, int, int]
    below: bool


@dataclass(frozen=True)
class LabelsDetail:
    """The evaluation that is looked at closely.

    Args:
        name: What it is of.
        found: The evaluation.
        scores: Its scores; weighted F1 comes first.
        labels: The weakest labels, weakest first.
        below: How many labels lie below the benchmark.
        curves: Precision over recall.
    """

    name: str
    found: MultiLabelEvaluation
    scores: tuple[Score, ...]
    labels: tuple[LabelRow, ...]
    below: int
    curves: Picture

    @property
    def left_out(self) -> int:
        """Labels that are not shown."""
        return len(self.found.class_names) - len(self.labels)

    @property
    def subset(self) -> Score:
        """The share of images all of whose labels are right."""
        return next(score for score in self.scores if score.name == "subset_accuracy")

    @property
    def mistakes(self) -> int:
        """How many images have a wrong label."""
        return int(self.found.wrong.sum())

    @property
    def labels_an_image(self) -> float:
        """How many labels an image has on average."""
        return float(self.found.y_true.sum(axis=1).mean())


@dataclass(frozen=True)
class LabelMistake:
    """One image with wrong labels.

    Args:
        image: What the model says of it.
        looked_for: The label for which heat is shown: the wrong one whose probability is furthest
            off.
        sure: Its probability, 0..1.
        pictures: The image, and the heat where there is a model to ask.
    """

    image: ImageLabels
    looked_for: str
    sure: float
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class LabelGallery:
    """The mistakes as pictures.

    Args:
        mistakes: Highest loss first.
        layer: Whose feature map the heat comes from; empty without heat.
        why_not: Why there is no heat, where there is none.
    """

    mistakes: tuple[LabelMistake, ...]
    layer: str = ""
    why_not: str = ""


def labels_detail(name: str, found: MultiLabelEvaluation, benchmark: float | None) -> LabelsDetail:
    """Look at an evaluation closely.

    Args:
        name: What it is of.
        found: The evaluation.
        benchmark: Labels with a smaller F1 are marked; None marks none.
    """
    plain = found.baseline()
    scores = tuple(
        Score(metric, found.score(metric), *found.interval(metric), plain.score(metric))
        for metric in METRICS
    )
    rows = _label_rows(found, benchmark)
    weakest = ", ".join(row.score.name for row in rows[:3])
    alt = f"Precision over recall of the labels; the lowest F1 have {weakest}: see the table below"
    return LabelsDetail(
        name=name,
        found=found,
        scores=scores,
        labels=tuple(rows[:_ROWS]),
        below=sum(row.below for row in rows),
        curves=drawn(plot_precision_recall(found), alt),
    )


def label_gallery(
    found: MultiLabelEvaluation,
    dataset: LabelledImages,
    model: Model | None,
    columns: Ints | None = None,
) -> LabelGallery:
    """Return the wrong images of highest loss, with where the model looked for one wrong label.

    Args:
        found: The evaluation.
        dataset: The images it is of, in the same order.
        model: The keras.Model that was evaluated, or None for pictures without heat.
        columns: Its column of each label of the evaluation; None where they are the same.
    """
    images = [row for row in found.top_losses(len(found)) if not row.right][:SHOWN]
    places = np.array([row.index for row in images], np.int64)
    if not images:
        return LabelGallery(())
    asked = _surest_wrong(found, places)
    if model is None:
        why = "Without Grad-CAM: the report was given no model. Pass model=... or a run_dir."
        return LabelGallery(_mistakes(found, images, asked, dataset.load(places, 160)), "", why)
    from tlkit.evaluation.gradcam.explanation import explain
    from tlkit.evaluation.predict import size_of

    pixels = dataset.load(places, size_of(model))
    known = np.arange(len(found.class_names)) if columns is None else columns
    try:
        heat = explain(model, pixels, known[asked])
    except EvaluationError as error:
        why = f"Without heat: {error}"
        return LabelGallery(_mistakes(found, images, asked, pixels), "", why)
    return LabelGallery(_mistakes(found, images, asked, pixels, heat.overlay()), heat.layer)


def _surest_wrong(found: MultiLabelEvaluation, places: Ints) -> Ints:
    """Return for each image the label whose probability is furthest on the wrong side."""
    truth, rows = found.y_true[places], found.probabilities[places]
    wrong = truth != found.predictions[places]
    off = np.where(wrong, np.abs(rows - truth), -1.0)
    return np.asarray(off.argmax(axis=1), np.int64)


def _mistakes(
    found: MultiLabelEvaluation,
    images: list[ImageLabels],
    asked: Ints,
    *pixels: NDArray[np.uint8],
) -> tuple[LabelMistake, ...]:
    rows = zip(images, asked.tolist(), zip(*pixels, strict=True), strict=True)
    return tuple(_mistake(found, image, label, shown) for image, label, shown in rows)


def _mistake(
    found: MultiLabelEvaluation,
    image: ImageLabels,
    label: int,
    pixels: tuple[NDArray[np.uint8], ...],
) -> LabelMistake:
    name = found.class_names[label]
    alts = (f"{image.name}, {', '.join(image.truth) or 'no label'}", f"Grad-CAM for {name}")
    pictures = tuple(photo(each, alt) for each, alt in zip(pixels, alts, strict=False))
    sure = float(found.probabilities[image.index, label])
    return LabelMistake(image, name, sure, pictures)


def _label_rows(found: MultiLabelEvaluation, benchmark: float | None) -> list[LabelRow]:
    """Return a row for each label, weakest first."""
    cells = found.confusion
    counts = zip(
        cells[:, 1, 1].tolist(), cells[:, 0, 1].tolist(), cells[:, 1, 0].tolist(), strict=True
    )
    rows = [
        LabelRow(score, low, high, three, benchmark is not None and score.f1 < benchmark)
        for score, (low, high), three in zip(
            found.per_class, f1_intervals(found).tolist(), counts, strict=True
        )
    ]
    return sorted(rows, key=lambda row: (row.score.f1, -row.score.support))
