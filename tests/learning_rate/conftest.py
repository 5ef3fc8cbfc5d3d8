"""Curves and tiny models that the tests of the learning-rate search share."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tlkit import LRCurve

SWEEP = Path(__file__).parent / "data" / "rakuten_xception_lr_sweep.csv"


@pytest.fixture(scope="session")
def published_columns() -> dict[str, list[float]]:
    with SWEEP.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


@pytest.fixture(scope="session")
def published(published_columns: dict[str, list[float]]) -> LRCurve:
    columns = published_columns
    return LRCurve(
        columns["learning_rate"],
        columns["loss"],
        columns["accuracy"],
        validation_losses=columns["val_loss"],
    )
