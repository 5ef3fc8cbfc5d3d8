"""Pictures of another shape than a model's: squashed, cropped or padded, and never mixed up."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from tests.conftest import EXAMPLES
from tests.data.conftest import encoded, noise
from tlkit import ImageDataset
from tlkit.data.decoding.decode import decode_image, resize_array
from tlkit.data.decoding.fitting import FITS, draft_size
from tlkit.errors import DataError

sides = st.integers(1, 60)


def by_keras(image: Any, size: tuple[int, int], fit: str) -> Any:
    layer = keras.layers.Resizing(
        *size,
        antialias=True,
        crop_to_aspect_ratio=fit == "crop",
        pad_to_aspect_ratio=fit == "pad",
    )
    pixels = np.asarray(layer(image[None].astype("float32")))[0]
    return np.clip(np.round(pixels), 0, 255)


@pytest.mark.parametrize("fit", FITS)
@settings(max_examples=4 * EXAMPLES)
@given(height=sides, width=sides, size=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_it_is_what_keras_does_up_to_rounding(
    fit: Any, height: int, width: int, size: tuple[int, int]
) -> None:
    image = noise(height, width)
    mine = resize_array(image, size, fit).astype(int)
    assert np.abs(mine - by_keras(image, size, fit)).max() <= 2


@given(st.tuples(sides, sides), st.tuples(sides, sides), st.sampled_from(FITS))
def test_a_jpeg_is_never_decoded_smaller_than_what_is_kept_of_it(
    image: tuple[int, int], size: tuple[int, int], fit: Any
) -> None:
    width, height = draft_size(image, size, fit)
    part = {"squash": None, "crop": max, "pad": min}[fit]
    if part is not None:
        scale = part(size[0] / image[1], size[1] / image[0])
        assert width >= round(image[0] * scale)
        assert height >= round(image[1] * scale)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [(400, 900), (900, 400)], ids=["wide", "tall"])
def test_a_large_jpeg_that_was_turned_is_near_the_slow_way(shape: Any, fit: Any) -> None:
    smooth = np.asarray(Image.fromarray(noise(6, 6)).resize(shape[::-1], Image.Resampling.BICUBIC))
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(smooth), "JPEG", quality=95, exif=exif)
    quick = decode_image(content, (48, 40), fit=fit).astype(int)
    slow = resize_array(decode_image(content, None), (48, 40), fit).astype(int)
    assert np.abs(quick - slow).mean() < 2


def test_a_strip_of_a_thousandth_of_its_length_takes_little_memory() -> None:
    strip = np.full((1, 300_000, 3), 255, np.uint8)
    padded = resize_array(strip, (64, 64), "pad")
    assert padded[31].min() == 255
    assert padded[:31].max() == padded[32:].max() == 0


def test_it_is_part_of_what_identifies_an_image_and_squash_changes_nothing() -> None:
    images, labels = np.stack([noise(8, 12), noise(8, 12, 1)]), [0, 1]
    plain = ImageDataset.from_arrays(images, labels)
    ways = {fit: plain.with_fit(fit) for fit in FITS}
    assert len({way.fingerprint for way in ways.values()}) == 3
    assert ways["squash"].fingerprint == plain.fingerprint
    assert plain.fit == "squash"
    for fit, way in ways.items():
        np.testing.assert_array_equal(way.content_digests, plain.image_digests)
        again = ImageDataset.from_arrays(images, labels, fit=fit)
        np.testing.assert_array_equal(again.image_digests, way.image_digests)
        np.testing.assert_array_equal(way.known_digests, way.image_digests)
        assert not ImageDataset.from_arrays(images, labels, fit=fit).known_digests.any()


def test_every_way_to_get_a_part_of_a_data_set_keeps_it(folders: Path) -> None:
    data = ImageDataset.from_directory(folders, fit="pad")
    table = {"x": list(data.names), "y": ["a", "b", "a", "b", "a"]}
    parts: list[Any] = [
        data,
        data.subset([1]),
        data + data,
        *data.split(0.4),
        data.rename_classes({"cat": "tom"}),
        data.with_classes(["dog", "cat"]),
        pickle.loads(pickle.dumps(data)),  # noqa: S301
        data.without_damaged(data.check()),
        ImageDataset.from_files(folders, fit="pad").subset([0]),
        ImageDataset.from_dataframe(table, image="x", label="y", root=folders, fit="pad"),
        ImageDataset.from_dataframe(table, image="x", label=None, root=folders, fit="pad"),
    ]
    assert {part.fit for part in parts} == {"pad"}
    expected = resize_array(data[0][0], (16, 16), "pad")
    np.testing.assert_array_equal(data.load([0], 16)[0], expected)
    np.testing.assert_array_equal(parts[7].load([0], 16)[0], expected)


def test_no_such_way_and_two_ways_are_refused(folders: Path) -> None:
    with pytest.raises(DataError, match=r"fit='stretch'; expected 'squash' .*'crop' .*'pad'"):
        ImageDataset.from_directory(folders, fit="stretch")  # type: ignore[arg-type]
    data = ImageDataset.from_directory(folders)
    with pytest.raises(DataError, match=r"fit='squash' for the first and fit='crop'.*with_fit"):
        data + data.with_fit("crop")
