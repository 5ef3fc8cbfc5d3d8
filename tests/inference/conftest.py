"""One small training, and its pictures as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.testing import tiny_backbone, tiny_dataset

NAMES = ("cherry", "sour apple", "Quitte ü")


@dataclass(frozen=True)
class Trained:
    """What was trained, where it is kept, and the pictures it was trained on."""

    result: tlkit.TrainingResult
    run: Path
    pictures: Path
    dataset: tlkit.ImageDataset


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """24 pictures in folders by class, and a model that tells most of them apart."""
    pictures, run = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("run")
    images = tiny_dataset(24)
    for number, pixels in enumerate(images.load(np.arange(24), 16)):
        folder = pictures / NAMES[images.labels[number]]
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    dataset = tlkit.ImageDataset.from_directory(pictures)
    trainer = tlkit.StagedTrainer(
        tiny_backbone(),
        stages=[tlkit.Stage("head", epochs=12, learning_rate=0.05, batch_size=8)],
        weights=None,
        cache=False,
        run_dir=run,
    )
    return Trained(trainer.fit(dataset, verbose=0), run, pictures, dataset)
