"""Images of more than 8 bits: one depth for a data set, and never one for an image."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from tests.data.conftest import encoded
from tlkit import ImageDataset
from tlkit.data.decoding.decode import decode_image
from tlkit.data.decoding.depth import eight_bit
from tlkit.errors import DamagedImageError, DataError

KINDS = {
    "png": (np.uint16, "png"),
    "tif": (np.uint16, "tif"),
    "int32 tif": (np.int32, "tif"),
}


def deep_folders(
    root: Path, tops: tuple[int, ...], kind: str = "png", depth: int | None = None
) -> ImageDataset:
    """One ramp from 0 to each of some largest values, in two classes."""
    dtype, ending = KINDS[kind]
    for number, top in enumerate(tops):
        file = root / "ab"[number % 2] / f"{number}.{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.linspace(0, top, 256).reshape(16, 16).astype(dtype)).save(file)
    return ImageDataset.from_directory(root, depth=depth)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
def test_the_largest_value_of_all_images_decides(tmp_path: Path, kind: str, depth: int) -> None:
    top = 2**depth - 1
    data = deep_folders(tmp_path, (top, top // 4), kind)
    assert data.depth == depth
    np.testing.assert_array_equal(data.load([0], 16).max((1, 2)), [[255] * 3])
    assert 62 <= data.load([1], 16).max() <= 64, "one scale for both"
    assert f"read with depth={depth}, as the largest value" in str(data.check())


def test_values_above_16_bits_are_not_all_white(tmp_path: Path) -> None:
    data = deep_folders(tmp_path, (200_000, 100_000), "int32 tif")
    assert data.depth == 18
    assert data.load([0], 16).max() == round(200_000 * 255 / (2**18 - 1))


@pytest.mark.parametrize("order", ["load", "digests", "check", "part"])
def test_the_depth_does_not_depend_on_what_is_asked_first(tmp_path: Path, order: str) -> None:
    data = deep_folders(tmp_path, (4095, 255, 1023, 100))
    ask: dict[str, Any] = {
        "load": lambda x: x.load([0], 8),
        "digests": lambda x: x.image_digests,
        "check": lambda x: x.check(),
        "part": pickle.dumps,
    }
    alone = data.subset([1, 3])
    ask[order](alone)
    assert alone.depth == 12
    again = pickle.loads(pickle.dumps(alone))  # noqa: S301 - our own
    np.testing.assert_array_equal(again.load([0, 1], 16), alone.load([0, 1], 16))
    np.testing.assert_array_equal(again.image_digests, alone.image_digests)
    np.testing.assert_array_equal(data.image_digests[[1, 3]], alone.image_digests)


def test_the_depth_is_part_of_the_fingerprint_and_16_is_as_it_was(tmp_path: Path) -> None:
    deep_folders(tmp_path, (1000, 3000))
    prints = [ImageDataset.from_directory(tmp_path, depth=x).fingerprint for x in (None, 12, 14)]
    assert prints[0] == prints[1] != prints[2]
    full = ImageDataset.from_directory(tmp_path, depth=16)
    assert full.fingerprint not in prints
    file = tmp_path / "a" / "0.png"
    np.testing.assert_array_equal(full.load([0], 16)[0], decode_image(file, 16))


def test_a_table_takes_a_depth(tmp_path: Path) -> None:
    deep_folders(tmp_path, (4095, 255))
    table = {"image": ["a/0.png", "b/1.png"], "label": ["a", "b"]}
    data = ImageDataset.from_dataframe(table, image="image", label="label", root=tmp_path, depth=14)
    assert data.depth == 14


def test_images_of_8_bits_have_no_depth_and_it_changes_nothing(folders: Path) -> None:
    plain, asked = (
        ImageDataset.from_directory(folders),
        ImageDataset.from_directory(folders, depth=12),
    )
    assert plain.depth is asked.depth is None
    assert plain.fingerprint == asked.fingerprint
    assert "depth" not in str(plain.check())


def test_values_above_the_depth_are_named_and_not_cut(tmp_path: Path) -> None:
    data = deep_folders(tmp_path, (5000, 100), depth=12)
    assert [x.reason for x in data.check().damaged] == [
        "has values of 13 bits, more than depth=12; pass the depth of the largest, or leave it out"
    ]
    with pytest.raises(DamagedImageError, match=r"0\.png has values of 13 bits"):
        data.load([0], 8)


def test_values_below_zero_have_no_range() -> None:
    file = encoded(Image.fromarray(np.full((4, 4), -5, np.int32)), "TIFF")
    with pytest.raises(DamagedImageError, match=r"values below 0 \(down to -5\)"):
        decode_image(file, 4)


@pytest.mark.parametrize("top", [4095, 65535])
def test_deep_colours_are_read_where_that_is_right_and_refused_else(
    tmp_path: Path, top: int
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        values = np.full((4, 4, 3), top, ">u2")
        (tmp_path / name / "x.ppm").write_bytes(b"P6 4 4 65535\n" + values.tobytes())
    data = ImageDataset.from_directory(tmp_path)
    if top == 65535:
        assert data.check().ok
        assert data.load([0], 4).min() == 255
    else:
        assert "colours of 16 bits" in data.check().damaged[0].reason


@pytest.mark.parametrize("depth", [0, 7, 33, 12.0, "12", True])
def test_a_depth_that_is_none_says_what_one_is(folders: Path, depth: Any) -> None:
    with pytest.raises(DataError, match=r"depth=.*; expected how many bits"):
        ImageDataset.from_directory(folders, depth=depth)


@given(depth=st.integers(8, 31), data=st.data())
def test_a_depth_is_a_straight_line_from_black_to_white(depth: int, data: st.DataObject) -> None:
    top = 2**depth - 1
    value = data.draw(st.integers(0, top))
    values = np.array([[0, value, top]], np.int32)
    expected = [0, round(value * 255 / top), 255]
    assert np.asarray(eight_bit(Image.fromarray(values), depth)).tolist() == [expected]


def test_a_large_scan_takes_no_wide_copies() -> None:
    side = 3000
    file = encoded(Image.fromarray(np.full((side, side), 9999, np.uint16)), compress_level=1)
    tracemalloc.start()
    decode_image(file, 32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * side * side, "bytes for a pixel; float64 copies took 24 and more"
