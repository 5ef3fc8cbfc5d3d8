"""Named labels for pictures: a row for each, and tables and files of them."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TextIO, overload

from tlkit._disk.atomic import whole_file
from tlkit._printing import Printed, counted, html_table, one_line
from tlkit.errors import PredictionError

_SHOWN = 10


@dataclass(frozen=True, repr=False)
class Prediction(Printed):
    """What a model says of one picture.

    Args:
        image: The picture's name: its path as given, or below the folder that was given.
        labels: Class names, the most probable first; empty where the picture cannot be read.
        probabilities: Of these classes, 0..1.
        error: Why the picture cannot be read, or empty.
    """

    image: str
    labels: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str = ""

    @property
    def label(self) -> str | None:
        """The most probable class; None where the picture cannot be read."""
        return self.labels[0] if self.labels else None

    @property
    def probability(self) -> float | None:
        """How probable it is, 0..1; None where the picture cannot be read."""
        return self.probabilities[0] if self.probabilities else None

    def __repr__(self) -> str:
        told = self.error or f"{self.label!r} {self.probability:.3f}"
        return one_line(f"Prediction({self.image!r}, {told})")

    def __str__(self) -> str:
        if self.error:
            return f"{self.image}: {self.error}"
        pairs = zip(self.labels, self.probabilities, strict=True)
        return f"{self.image}: {', '.join(f'{label} {x:.3f}' for label, x in pairs)}"

    def as_dict(self) -> dict[str, Any]:
        """Return the row for a table: image, label, probability, label_2, ..., error."""
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
    """

    def __init__(
        self,
        rows: Iterable[Prediction],
        class_names: Sequence[str],
        top: int,
        notes: Sequence[str] = (),
    ) -> None:
        self._rows = tuple(rows)
        self.class_names = tuple(class_names)
        self.top = top
        self.notes = tuple(notes)

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
        return columns(self.top)

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
        with _opened(file) as stream:
            write_csv(self._rows, stream, self.top)

    def write_json_lines(self, file: str | PathLike[str] | TextIO) -> None:
        """Write a JSON object for each picture, one on a line: image, labels, probabilities, error.

        Args:
            file: As for `write_csv`.

        Raises:
            PredictionError: It cannot be written.
        """
        with _opened(file) as stream:
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


def columns(top: int) -> tuple[str, ...]:
    """Return the names of a table's columns.

    Example:
        >>> columns(2)
        ('image', 'label', 'probability', 'label_2', 'probability_2', 'error')
    """
    more = (f"{what}_{place}" for place in range(2, top + 1) for what in ("label", "probability"))
    return ("image", "label", "probability", *more, "error")


def write_csv(rows: Iterable[Prediction], stream: TextIO, top: int) -> None:
    """Write rows as CSV as they come.

    Args:
        rows: Taken one by one.
        stream: An open text file.
        top: How many labels each has.
    """
    writer = csv.DictWriter(stream, columns(top), restval="", lineterminator="\n")
    for place, row in enumerate(rows):
        if not place:  # where not even one can be made, nothing is written
            writer.writeheader()
        # Six digits tell two float32 apart for every use but the next training.
        told = {
            name: f"{x:.6f}" if isinstance(x, float) else x for name, x in row.as_dict().items()
        }
        writer.writerow(told)


def write_json_lines(rows: Iterable[Prediction], stream: TextIO) -> None:
    """Write rows as JSON objects, one on a line, as they come.

    Args:
        rows: Taken one by one.
        stream: An open text file.
    """
    for row in rows:
        found = {"image": row.image, "labels": row.labels, "probabilities": row.probabilities}
        stream.write(json.dumps({**found, "error": row.error or None}, ensure_ascii=False) + "\n")


@contextmanager
def _opened(file: str | PathLike[str] | TextIO) -> Iterator[TextIO]:
    if not isinstance(file, (str, PathLike)):
        yield file
        return
    path = Path(file)
    try:
        with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise PredictionError(
            f"{path} cannot be written: {error}. Give a place in a folder that exists."
        ) from error


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str("" if value is None else value)
