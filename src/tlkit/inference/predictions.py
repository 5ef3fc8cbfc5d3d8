"""Named labels for pictures: a row for each, and tables and files of them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, TextIO, overload

from tlkit._printing import Printed, counted, html_table, one_line
from tlkit._task import Task
from tlkit.errors import PredictionError
from tlkit.inference.prediction_files import (
    EACH,
    columns,
    opened_file,
    write_csv,
    write_json_lines,
)

_SHOWN = 10


@dataclass(frozen=True, repr=False)
class Prediction(Printed):
    """What a model says of one picture.

    Args:
        image: The picture's name: its path as given, or below the folder that was given.
        labels: Class names, the most probable first; of a model of any number of labels those that
            the picture is given. Empty where the picture cannot be read.
        probabilities: Of these classes, 0..1.
        error: Why the picture cannot be read, or empty.
        by_class: Of a model of any number of labels, the probability of each; else empty.
    """

    image: str
    labels: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str = ""
    by_class: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        """The most probable class; None where the picture cannot be read, or is given no label."""
        return self.labels[0] if self.labels else None

    @property
    def probability(self) -> float | None:
        """How probable it is, 0..1; None where there is none."""
        return self.probabilities[0] if self.probabilities else None

    def __repr__(self) -> str:
        told = f"{self.label!r} {self.probability:.3f}" if self.labels else ""
        if self.by_class:
            told = f"{list(self.labels)}"
        return one_line(f"Prediction({self.image!r}, {self.error or told})")

    def __str__(self) -> str:
        if self.error:
            return f"{self.image}: {self.error}"
        pairs = zip(self.labels, self.probabilities, strict=True)
        return f"{self.image}: {', '.join(f'{name} {x:.3f}' for name, x in pairs) or 'no label'}"

    def as_dict(self) -> dict[str, Any]:
        """Return the row for a table: image, label, probability, label_2, ..., error.

        Of a model of any number of labels: image, labels parted by commas, the probability of each
        as ``probability_<label>``, error.
        """
        if self.by_class:
            each = {f"{EACH}{name}": value for name, value in self.by_class.items()}
            return {"image": self.image, "labels": ", ".join(self.labels), **each, "error": ""}
        row: dict[str, Any] = {"image": self.image, "label": self.label or ""}
        row["probability"] = self.probability
        pairs = zip(self.labels[1:], self.probabilities[1:], strict=True)
        for place, (label, probability) in enumerate(pairs, 2):
            row |= {f"label_{place}": label, f"probability_{place}": probability}
        return {**row, "error": self.error}


class Predictions(Printed, Sequence[Prediction]):
    """Rows for pictures, in the order of the pictures; none is left out.

    Args:
        rows: One for each picture.
        class_names: All classes that the model knows, in the order of its columns.
        top: How many labels a row has.
        notes: Which engine ran the model and why, for people.
        task: What the model tells of a picture: one class, or any number of labels.
    """

    def __init__(
        self,
        rows: Iterable[Prediction],
        class_names: Sequence[str],
        top: int,
        notes: Sequence[str] = (),
        task: Task = Task.MULTICLASS,
    ) -> None:
        self._rows = tuple(rows)
        self.class_names = tuple(class_names)
        self.top = top
        self.notes = tuple(notes)
        self.task = task

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Prediction, ...]: ...

    def __getitem__(self, place: int | slice) -> Prediction | tuple[Prediction, ...]:
        return self._rows[place]

    @property
    def labels(self) -> tuple[str | None, ...]:
        """The most probable class of each picture; None where it cannot be read."""
        return tuple(row.label for row in self._rows)

    @property
    def failed(self) -> tuple[Prediction, ...]:
        """The pictures that cannot be read."""
        return tuple(row for row in self._rows if row.error)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the tables."""
        return columns(self.top, self.class_names if self.task is Task.MULTILABEL else ())

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame with a row for each picture; `columns` names its columns.

        Raises:
            PredictionError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise PredictionError(
                "A DataFrame needs pandas: pip install 'tlkit[table]'. Or use write_csv(path)."
            ) from error
        return pd.DataFrame([row.as_dict() for row in self._rows], columns=list(self.columns))

    def write_csv(self, file: str | PathLike[str] | TextIO) -> None:
        """Write the table as CSV, in UTF-8; see `columns`.

        Args:
            file: A path, where it appears whole or not at all, or an open text file.

        Raises:
            PredictionError: It cannot be written.
        """
        with opened_file(file) as stream:
            write_csv(self._rows, stream, self.columns)

    def write_json_lines(self, file: str | PathLike[str] | TextIO) -> None:
        """Write a JSON object for each picture, one on a line: image, labels, probabilities, error.

        Args:
            file: As for `write_csv`.

        Raises:
            PredictionError: It cannot be written.
        """
        with opened_file(file) as stream:
            write_json_lines(self._rows, stream)

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} that cannot be read" if self.failed else ""
        return one_line(f"Predictions({counted(len(self), 'picture')}{failed})")

    def __str__(self) -> str:
        lines = [str(row) for row in self._rows[:_SHOWN]]
        if len(self) > _SHOWN:
            lines.append(f"and {len(self) - _SHOWN:,} more")
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        rows = [row.as_dict() for row in self._rows[:_SHOWN]]
        cells = [[_cell(row.get(name)) for name in self.columns] for row in rows]
        more = f"<p>and {len(self) - _SHOWN:,} more</p>" if len(self) > _SHOWN else ""
        told = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return html_table(self.columns, cells) + more + told


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str("" if value is None else value)
