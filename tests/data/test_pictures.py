"""The picture of augmented samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
import tlkit.testing
from tlkit.errors import DataError

pytest.importorskip("matplotlib")


def pixels(axes: Any) -> np.ndarray:
    """The image that stands in a cell."""
    return np.asarray(axes.images[0].get_array())


def test_rows_begin_with_the_original_and_show_what_the_stage_trains_on(tmp_path: Path) -> None:
    data = tlkit.testing.tiny_dataset(12)
    augmentation = tlkit.Augmentation(rotation=90)
    figure = tlkit.show_augmented(
        augmentation, data, samples=3, views=2, image_size=16, seed=5, stage="head"
    )
    grid = np.array(figure.axes).reshape(3, 3)
    for row in grid:
        original = pixels(row[0])
        (index,) = [i for i in range(12) if np.array_equal(data.load([i], 16)[0], original)]
        assert row[0].get_ylabel() == data.class_names[data.labels[index]]
        for epoch in (0, 1):
            seen = augmentation(original[None], [index], seed=5, stage="head", epoch=epoch)[0]
            assert np.array_equal(pixels(row[1 + epoch]), np.clip(seen, 0, 255).astype("uint8"))
    assert [axes.get_title() for axes in grid[0]] == ["original", "epoch 1", "epoch 2"]
    figure.savefig(tmp_path / "augmented.png")
    assert (tmp_path / "augmented.png").stat().st_size > 1000


def test_keras_layers_are_shown_as_well() -> None:
    figure = tlkit.show_augmented(
        keras.layers.RandomFlip(), tlkit.testing.tiny_dataset(4), samples=9, views=1, image_size=16
    )
    assert len(figure.axes) == 4 * 2, "no more images than there are"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"augmentation": None}, "augmentation=None changes nothing"),
        ({"samples": 0}, "samples=0; expected a whole number, at least 1"),
        ({"views": 1.5}, "views=1.5; expected a whole number, at least 1"),
    ],
)
def test_nothing_to_show_is_an_error(settings: dict[str, Any], message: str) -> None:
    given = {"augmentation": tlkit.Augmentation(), "dataset": tlkit.testing.tiny_dataset(4)}
    with pytest.raises(DataError, match=message):
        tlkit.show_augmented(**{**given, **settings})
