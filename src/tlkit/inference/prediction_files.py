"""Rows of predictions as CSV and as JSON lines, written as they come."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, TextIO

from tlkit._disk.atomic import whole_file
from tlkit.errors import PredictionError
from tlkit.inference.prediction import EACH, Prediction


def columns(top: int, labels: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of a table's columns.

    Args:
        top: How many labels a row has.
        labels: Of a model of any number of labels, all of them; else empty.

    Example:
        >>> columns(2)
        ('image', 'label', 'probability', 'label_2', 'probability_2', 'error')
    """
    if labels:
        return ("image", "labels", *(f"{EACH}{name}" for name in labels), "error")
    more = (f"{what}_{place}" for place in range(2, top + 1) for what in ("label", "probability"))
    return ("image", "label", "probability", *more, "error")


def write_csv(rows: Iterable[Prediction], stream: TextIO, names: Sequence[str]) -> None:
    """Write rows as CSV as they come.

    Args:
        rows: Taken one by one.
        stream: An open text file.
        names: Of the columns, as `columns` gives them.
    """
    writer = csv.DictWriter(stream, names, restval="", extrasaction="ignore", lineterminator="\n")
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
        found: dict[str, Any] = {"image": row.image, "labels": row.labels}
        found |= {"probabilities": row.probabilities}
        found |= {"by_class": dict(row.by_class)} if row.by_class else {}
        stream.write(json.dumps({**found, "error": row.error or None}, ensure_ascii=False) + "\n")


@contextmanager
def opened_file(file: str | PathLike[str] | TextIO) -> Iterator[TextIO]:
    """Open a file that appears whole or not at all; one that is open is given as it is.

    Raises:
        PredictionError: It cannot be written.
    """
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
