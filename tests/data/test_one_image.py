"""``data[i]`` is an image at its own size and its class number; so is what a loop gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.conftest import encoded, noise
from tests.data.test_dataset import some_arrays
from tlkit import ImageDataset
from tlkit.errors import DamagedImageError, DataError


@pytest.fixture
def kinds(folders: Path) -> ImageDataset:
    """Images of several sizes: photographs, one on its side, one with 16 bits, one transparent."""
    sideways = Image.Exif()
    sideways[0x0112] = 6
    photograph = Image.fromarray(noise(20, 31, 3))
    (folders / "cat" / "side.jpg").write_bytes(encoded(photograph, "JPEG", exif=sideways))
    deep = np.random.default_rng(0).integers(0, 4096, (9, 7)).astype(np.uint16)
    Image.fromarray(deep).save(folders / "dog" / "deep.png")
    photograph.convert("RGBA").save(folders / "dog" / "clear.png")
    return ImageDataset.from_directory(folders)


def test_an_image_is_what_load_gives_at_its_size(kinds: ImageDataset) -> None:
    for place, (pixels, label) in enumerate(kinds):
        assert pixels.dtype == np.uint8
        height, width, _ = pixels.shape
        np.testing.assert_array_equal(pixels, kinds.load([place], (height, width))[0])
        assert label == kinds.labels[place]
    pixels, label = kinds[kinds.names.index("cat/side.jpg")]
    assert pixels.shape == (31, 20, 3), "upright"
    assert kinds.class_names[label] == "cat"
    assert kinds.depth == 12


def test_positions_count_from_both_ends_and_stop(kinds: ImageDataset) -> None:
    number: Any = np.int64(1)
    np.testing.assert_array_equal(kinds[-1][0], kinds[len(kinds) - 1][0])
    np.testing.assert_array_equal(kinds.subset([3, 0])[number][0], kinds[0][0])
    assert type(kinds[0][1]) is int
    for index in (len(kinds), -len(kinds) - 1):
        with pytest.raises(IndexError, match=r"expected a position from 0 to 7, as there are 8"):
            kinds[index]
    assert len(list(kinds)) == len(kinds)


@pytest.mark.parametrize("index", [slice(2), [0, 1], "a", 1.0, None, True, np.array([1])])
def test_what_is_no_position_is_told_how_to_take_several(index: Any) -> None:
    with pytest.raises(DataError, match=r"expected a whole number, .*dataset\.subset"):
        some_arrays()[index]


def test_an_array_gives_a_copy() -> None:
    data = some_arrays()
    pixels, label = data[3]
    np.testing.assert_array_equal(pixels, noise(8, 8, 3))
    pixels[:] = 0
    np.testing.assert_array_equal(data[3][0], noise(8, 8, 3))
    assert label == 1


def test_pixels_of_a_file_can_be_written_to(kinds: ImageDataset) -> None:
    kinds[0][0][:] = 0


def test_images_without_labels_give_pixels(folders: Path) -> None:
    images = ImageDataset.from_files(folders)
    for pixels, (same, _) in zip(images, ImageDataset.from_directory(folders), strict=True):
        np.testing.assert_array_equal(pixels, same)
    assert images[-1].shape == (12, 10, 3)


def test_a_damaged_or_a_changed_file_is_named(folders: Path) -> None:
    data = ImageDataset.from_directory(folders)
    data[1]
    (folders / "cat" / "bb.jpg").write_bytes(encoded(Image.fromarray(noise(9, 9, 77)), "JPEG"))
    with pytest.raises(DataError, match=r"cat/bb\.jpg has changed since"):
        data[1]
    (folders / "cat" / "a.jpg").write_bytes(b"x")
    with pytest.raises(DamagedImageError, match=r"a\.jpg is not an image"):
        data[0]
    (folders / "dog" / "dddd.jpg").unlink()
    with pytest.raises(DamagedImageError, match=r"dddd\.jpg cannot be read: No such file"):
        data[3]
