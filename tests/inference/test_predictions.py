"""Rows as tables and files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tlkit.errors import PredictionError
from tlkit.inference import Prediction, Predictions

ROWS = (
    Prediction("cat/a, b.png", ("cat", 'the "dog"'), (0.75, 0.25)),
    Prediction("no <picture>.png", error="is empty (0 bytes)"),
    Prediction("ü\n.png", ('the "dog"', "cat"), (0.5, 0.5)),
)
FOUND = Predictions(ROWS, ("cat", 'the "dog"'), top=2, notes=("engine: keras",))


def test_the_table_has_a_row_for_each_picture() -> None:
    table = FOUND.to_dataframe()
    assert list(table.columns) == list(FOUND.columns)
    assert table["image"].tolist() == [row.image for row in ROWS]
    assert table["label"].tolist() == ["cat", "", 'the "dog"']
    assert table["error"].tolist() == ["", "is empty (0 bytes)", ""]


def test_csv_comes_back_whatever_is_in_a_name(tmp_path: Path) -> None:
    FOUND.write_csv(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["image"] for row in rows] == [row.image for row in ROWS]
    assert [row["label_2"] for row in rows] == ['the "dog"', "", "cat"]
    assert float(rows[0]["probability"]) == 0.75


def test_json_lines_come_back() -> None:
    stream = io.StringIO()
    FOUND.write_json_lines(stream)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["image"] for row in rows] == [row.image for row in ROWS]
    assert rows[1] == {
        "image": "no <picture>.png",
        "labels": [],
        "probabilities": [],
        "error": "is empty (0 bytes)",
    }


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match="cannot be written"):
        FOUND.write_csv(tmp_path / "no such folder" / "rows.csv")
    assert not list(tmp_path.iterdir())


def test_it_prints_short_and_as_html_with_everything_escaped() -> None:
    assert repr(FOUND) == "Predictions(3 pictures, 1 that cannot be read)"
    assert str(FOUND).splitlines()[0] == 'cat/a, b.png: cat 0.750, the "dog" 0.250'
    many = Predictions(ROWS * 5, FOUND.class_names, 2)
    assert "and 5 more" in str(many)
    assert "no &lt;picture&gt;.png" in FOUND._repr_html_()


def test_it_is_a_sequence() -> None:
    assert FOUND[1].label is None
    assert [row.label for row in FOUND[::2]] == ["cat", 'the "dog"']
    assert FOUND.labels == ("cat", None, 'the "dog"')
