"""An image file is read once for its digest and its damage, and not at all where both are known."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tlkit
from tests.training.conftest import head_stage, same_weights, trainer
from tlkit.data.decoding import _pillow, decode, looks
from tlkit.errors import DamagedImageError
from tlkit.testing import tiny_dataset

COUNT = 40


class Counted:
    """How often image files were opened and decoded.

    Args:
        root: The folder of the images.
        monkeypatch: Counts what is decoded.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.watching = True
        self._root = str(root)
        # Lists: threads decode, and no count of theirs may be lost.
        self._reads: list[str] = []
        self._decodes: list[str] = []
        read_pixels = _pillow.read_pixels

        def counting(*args: Any) -> Any:
            self._decodes.append("")
            return read_pixels(*args)

        for module in (decode, looks):
            monkeypatch.setattr(module, "read_pixels", counting)
        sys.addaudithook(self._opened)  # there is no way to take it away again

    def _opened(self, event: str, args: tuple[Any, ...]) -> None:
        if self.watching and event == "open" and str(args[0]).startswith(self._root):
            self._reads.append(str(args[0]))

    def since(self) -> tuple[int, int]:
        """Return (reads, decodes) since this was called last."""
        counts = len([x for x in self._reads if x.endswith(".png")]), len(self._decodes)
        self._reads.clear()
        self._decodes.clear()
        return counts


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """40 image files of three classes."""
    data = tiny_dataset(COUNT)
    for number, image in enumerate(data.load(np.arange(COUNT), 16)):
        name = data.class_names[data.labels[number]]
        file = tmp_path / "images" / name / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return tmp_path / "images"


@pytest.fixture
def counted(images: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """Counts from here on."""
    found = Counted(images, monkeypatch)
    yield found
    found.watching = False


def fit(images: Path, cache: Any, **settings: Any) -> tlkit.TrainingResult:
    """Train as another process would, which knows the files only."""
    data = tlkit.ImageDataset.from_directory(images)
    made = trainer(head_stage(epochs=1), cache=cache, engine="keras", **settings)
    return made.fit(*data.split(0.25), verbose=0)


def test_what_is_known_is_neither_read_nor_decoded(
    images: Path, tmp_path: Path, counted: Counted
) -> None:
    first = fit(images, tmp_path / "cache")
    assert counted.since() == (2 * COUNT, 2 * COUNT), "one scan, and the pixels for the features"
    again = fit(images, tmp_path / "cache")
    assert counted.since() == (0, 0)
    assert same_weights(first.model, again.model)
    fit(images, tmp_path / "cache", run_dir=tmp_path / "run")
    assert counted.since() == (0, 0), "a run directory's fingerprints need no other look"


@pytest.mark.slow
def test_what_changed_alone_is_looked_at_again(
    images: Path, tmp_path: Path, counted: Counted
) -> None:
    fit(images, tmp_path / "cache")
    changed, touched = sorted(images.rglob("*.png"))[:2]
    Image.fromarray(np.full((16, 16, 3), 7, np.uint8)).save(changed)
    os.utime(touched)
    counted.since()
    fit(images, tmp_path / "cache")
    reads, decodes = counted.since()
    # Two are scanned; one has other features, which the two images of the check of dropout join.
    assert (2 + 1, 2 + 1) <= (reads, decodes) <= (2 + 1 + 2, 2 + 1 + 2)


@pytest.mark.slow
def test_same_size_and_time_do_not_hide_another_content(
    images: Path, tmp_path: Path, counted: Counted
) -> None:
    file = sorted(images.rglob("*.png"))[0]
    plain, other = (images.parent / name for name in ("plain.png", "other.png"))
    for path, value in ((plain, 1), (other, 2)):
        Image.fromarray(np.full((16, 16, 3), value, np.uint8)).save(path, compress_level=0)
    assert plain.stat().st_size == other.stat().st_size
    file.write_bytes(plain.read_bytes())
    times = file.stat()
    fit(images, tmp_path / "cache")
    file.write_bytes(other.read_bytes())
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    counted.since()
    fit(images, tmp_path / "cache")
    assert counted.since()[0] >= 1


@pytest.mark.slow
def test_features_that_were_extracted_leave_the_damage_to_be_found_with_one_decode(
    images: Path, tmp_path: Path, counted: Counted
) -> None:
    data = tlkit.ImageDataset.from_directory(images)
    settings: dict[str, Any] = {"weights": None, "cache": tmp_path / "cache", "engine": "keras"}
    tlkit.extract(tlkit.testing.tiny_backbone(), data, verbose=0, **settings)
    assert counted.since() == (2 * COUNT, COUNT), "its digest; its pixels"
    fit(images, tmp_path / "cache")
    assert counted.since() == (COUNT, COUNT)
    tlkit.extract(tlkit.testing.tiny_backbone(), data, verbose=0, **settings)
    fit(images, tmp_path / "cache")
    assert counted.since() == (0, 0)


@pytest.mark.slow
def test_without_a_cache_nothing_is_remembered_on_disk(
    images: Path, tmp_path: Path, counted: Counted, own_cache: Path
) -> None:
    before = set(own_cache.rglob("*"))
    for _ in range(2):
        fit(images, cache=False)
        assert counted.since() == (2 * COUNT, 2 * COUNT)
    assert set(own_cache.rglob("*")) == before
    assert {path.name for path in tmp_path.iterdir()} == {"images"}


def test_all_damaged_images_are_named_each_time_and_a_mended_one_is_found(
    images: Path, tmp_path: Path, counted: Counted
) -> None:
    broken = sorted(images.rglob("*.png"))[:2]
    content = [file.read_bytes() for file in broken]
    for file, whole in zip(broken, content, strict=True):
        file.write_bytes(whole[:60])
    counted.since()
    data = tlkit.ImageDataset.from_directory(images)
    made = trainer(head_stage(epochs=1), cache=tmp_path / "cache")
    for decodes in (COUNT, 2):
        with pytest.raises(DamagedImageError, match=r"2 of 40 images are damaged: .*/0\.png.*;"):
            made.fit(data, verbose=0)
        assert counted.since() == (decodes, decodes)
    for file, whole in zip(broken, content, strict=True):
        file.write_bytes(whole)
    assert made.fit(data, verbose=0).stages[0].epochs == 1


def test_a_check_that_is_asked_for_looks_at_every_image(
    images: Path, tmp_path: Path, counted: Counted
) -> None:
    fit(images, tmp_path / "cache")
    counted.since()
    assert tlkit.ImageDataset.from_directory(images).check().ok
    assert counted.since() == (COUNT, COUNT)
