"""Folders of pictures, and a machine on which the tiny backbone is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import tlkit.testing
from tlkit._plugins.discovery import Discovery
from tlkit.backbones import registry

# Seconds of training: the tiny backbone knows no weights.
BRIEF = ("--backbone", "tiny", "--weights", "none", "--epochs", "1")


def save_pictures(root: Path, images: int = 36, seed: int = 0) -> Path:
    """Write pictures of three classes, each with a colour of its own under noise."""
    data = tlkit.testing.tiny_dataset(images, seed=seed)
    for number, pixels in enumerate(data.load(range(images), tlkit.testing.TINY_SIZE)):
        folder = root / data.class_names[data.labels[number]]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures to train on, which no test changes."""
    return save_pictures(tmp_path_factory.mktemp("command") / "pictures")


@pytest.fixture(scope="module")
def tiny_installed() -> Iterator[None]:
    """The tiny backbone is the one that is installed."""
    found = registry.Registry(Discovery([tlkit.testing.tiny_backbone()]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "installed_registry", lambda: found)
        yield
