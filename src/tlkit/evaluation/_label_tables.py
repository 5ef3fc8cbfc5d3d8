"""Rows of a multi-label evaluation that people read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tlkit._printing import Printed, html_table, one_line


@dataclass(frozen=True)
class LabelScore:
    """How well one label is found.

    Args:
        name: The label.
        threshold: From which probability on images are given it, 0..1.
        precision: Share of the images given it that have it, 0..1; 0 where none is given it.
        recall: Share of the images that have it that are given it, 0..1; 0 where none has it.
        f1: ``2 * precision * recall / (precision + recall)``, 0..1; 0 where undefined.
        average_precision: Over all thresholds, 0..1; NaN where no image has it.
        roc_auc: Area under the ROC curve, 0..1; NaN where no image has it, or all have.
        support: Number of images that have it.
    """

    name: str
    threshold: float
    precision: float
    recall: float
    f1: float
    average_precision: float
    roc_auc: float
    support: int


_HEAD = ("label", "threshold", "precision", "recall", "f1", "avg. prec.", "ROC AUC", "images")


class PerLabel(tuple[LabelScore, ...]):
    """The scores of all labels, in class order; prints as a table."""

    __slots__ = ()

    def __new__(cls, rows: Iterable[LabelScore]) -> PerLabel:
        return super().__new__(cls, tuple(rows))

    def __repr__(self) -> str:
        return one_line(f"PerLabel({', '.join(f'{row.name!r} {row.f1:.3f}' for row in self)})")

    def _repr_html_(self) -> str:
        return html_table(_HEAD, map(_cells, self))

    def __str__(self) -> str:
        width = max(len(_HEAD[0]), *(len(row.name) for row in self))
        head = f"{_HEAD[0]:<{width}}  {'  '.join(f'{name:>10}' for name in _HEAD[1:])}"
        lines = (
            f"{name:<{width}}  {'  '.join(f'{cell:>10}' for cell in cells)}"
            for name, *cells in map(_cells, self)
        )
        return "\n".join([head, *lines])


def _cells(row: LabelScore) -> tuple[str, ...]:
    figures = (row.threshold, row.precision, row.recall, row.f1, row.average_precision, row.roc_auc)
    return (row.name, *(f"{x:.3f}" for x in figures), str(row.support))


@dataclass(frozen=True, repr=False)
class ImageLabels(Printed):
    """What a model says about one image.

    Args:
        index: Its position in the data set, from 0.
        name: What it is called; "image 12" if unknown.
        truth: Its labels.
        prediction: The labels that it is given.
        probabilities: Of each label that it has or is given, by name, 0..1.
        loss: Mean over labels of ``-log(probability of what is true)``.
    """

    index: int
    name: str
    truth: tuple[str, ...]
    prediction: tuple[str, ...]
    probabilities: dict[str, float]
    loss: float

    @property
    def right(self) -> bool:
        """Whether it is given exactly its labels."""
        return self.prediction == self.truth

    @property
    def missed(self) -> tuple[str, ...]:
        """Labels that it has and is not given."""
        return tuple(name for name in self.truth if name not in self.prediction)

    @property
    def added(self) -> tuple[str, ...]:
        """Labels that it is given and does not have."""
        return tuple(name for name in self.prediction if name not in self.truth)

    def __repr__(self) -> str:
        return one_line(f"ImageLabels({self.index}, {self})")

    def __str__(self) -> str:
        parts = [
            f"{word} {', '.join(names)}"
            for word, names in (("missed", self.missed), ("added", self.added))
            if names
        ]
        told = f" ({'; '.join(parts)})" if parts else ""
        return f"{self.name}: {', '.join(self.truth) or 'no label'}{told}, loss {self.loss:.4f}"
