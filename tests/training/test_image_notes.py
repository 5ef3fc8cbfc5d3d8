"""What a training says of its images: pictures that are there twice, and depths that differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.training.conftest import head_stage, trainer
from tlkit.errors import DataError
from tlkit.testing import tiny_dataset


def notes(train: tlkit.ImageDataset, validation: tlkit.ImageDataset | None = None) -> str:
    """What the first stage of a short training says."""
    result = trainer(head_stage(epochs=1), engine="keras").fit(train, validation, verbose=0)
    return "\n".join(result.stages[0].notes)


def test_validation_images_that_are_trained_on_are_told() -> None:
    data = tiny_dataset(40)
    said = notes(data.subset(range(30)), data.subset(range(28, 40)))
    assert "2 validation images among the training images too, such as image 28" in said


def test_one_picture_of_two_classes_is_told() -> None:
    data = tiny_dataset(40)
    images, labels = data.load(np.arange(40), 16), data.labels.copy()
    other = int(np.flatnonzero(labels != labels[0])[0])
    images[other] = images[0]
    doubled = tlkit.ImageDataset.from_arrays(images, labels, data.class_names)
    assert f"1 training picture in two classes: image 0 ({data.class_names[labels[0]]})" in notes(
        doubled
    )


def test_nothing_is_said_of_a_split() -> None:
    said = notes(*tiny_dataset(40).split(0.25))
    assert "too good" not in said
    assert "two classes" not in said


def test_two_depths_are_refused_before_training(tmp_path: Path) -> None:
    for number, (part, top) in enumerate([("train", 4095), ("test", 60000)] * 4):
        file = tmp_path / part / "ab"[number // 2 % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16), top - number, np.uint16)).save(file)
    train, test = (tlkit.ImageDataset.from_directory(tmp_path / x) for x in ("train", "test"))
    with pytest.raises(DataError, match=r"depth=12 for training and depth=16 for validation"):
        notes(train, test)
    same = tlkit.ImageDataset.from_directory(tmp_path / "train", depth=16)
    assert "depth" not in notes(same, test)
