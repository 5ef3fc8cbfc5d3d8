"""Named labels for pictures, as tables and files."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, TextIO, overload

from tlkit._printing import Printed, counted, html_table, one_line
from tlkit._task import Task
from tlkit.errors import PredictionError
from tlkit.features.precision.check import PrecisionCheck
from tlkit.inference.prediction import Prediction
from tlkit.inference.prediction_files import (
    columns,
    opened_file,
    write_csv,
    write_json_lines,
)

_SHOWN = 10


class Predictions(Printed, Sequence[Prediction]):
    """Rows for pictures, in the order of the pictures; none is left out.

    Args:
        rows: One for each picture.
        class_names: All classes that the model knows, in the order of its columns.
        top: How many labels a row has.
        notes: Which engine ran the model and why, for people.
        task: What the model tells of a picture: one class, or any number of labels.
        precision: What the model's precision does to these labels, where it is below float32.
    """

    def __init__(
        self,
        rows: Iterable[Prediction],
        class_names: Sequence[str],
        top: int,
        notes: Sequence[str] = (),
        task: Task = Task.MULTICLASS,
        precision: PrecisionCheck | None = None,
    ) -> None:
        self._rows = tuple(rows)
        self.class_names = tuple(class_names)
        self.top = top
        self.notes = tuple(notes)
        self.task = task
        self.precision = precision

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
