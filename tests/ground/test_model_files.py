"""A model's file that cannot be read: told in one way, with the reason and the next step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

import tlkit
from tlkit._keras.model_files import read_model
from tlkit.command._models import model_at
from tlkit.errors import EvaluationError, PredictionError, TlkitError
from tlkit.reporting._gallery import loaded


class Own(keras.layers.Layer):  # type: ignore[misc]
    """A layer that a file names and nobody registered."""


def own_layers(file: Path) -> None:
    keras.Sequential([keras.Input((4,)), Own()]).save(file)


def no_archive(file: Path) -> None:
    file.write_bytes(b"no model")


@pytest.mark.parametrize(
    ("write", "reason"),
    [(own_layers, "import them, registered with keras"), (no_archive, "")],
    ids=["own layers", "no archive"],
)
def test_each_reader_tells_why_and_what_to_give(
    tmp_path: Path, write: Callable[[Path], None], reason: str
) -> None:
    file = tmp_path / "x.keras"
    write(file)
    readers: list[tuple[type[TlkitError], Callable[[], Any]]] = [
        (PredictionError, lambda: tlkit.Predictor(file)),
        (EvaluationError, lambda: loaded(file)),
        (TlkitError, lambda: model_at(file)),
        (EvaluationError, lambda: read_model(file, EvaluationError, "Give another.")),
    ]
    for error, read in readers:
        with pytest.raises(error, match=r"x\.keras") as told:
            read()
        assert reason in str(told.value)
        assert "\n" not in str(told.value)
