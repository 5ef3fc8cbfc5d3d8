"""Image files become RGB pixels, and damaged files are named."""

from __future__ import annotations

import json
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from tests.data.conftest import WriteImage, encoded, noise, png_that_declares
from tlkit.data.damage import DamagedImage, DamageReport
from tlkit.data.decoding import _pillow as pillow
from tlkit.data.decoding._pillow_warnings import expected_pillow_warnings
from tlkit.data.decoding.decode import (
    MAX_PIXELS,
    decode_image,
    decode_many,
    decode_settings,
    resize_array,
)
from tlkit.data.decoding.looks import find_damage
from tlkit.errors import DamagedImageError, DataError

ORIENTATION = 0x0112
QUARTERS = np.array([[10, 80], [160, 240]], np.uint8)


def corners(image: np.ndarray[Any, Any]) -> list[list[int]]:
    """The colours of an image's four quarters, rounded to the nearest of QUARTERS."""
    h, w = image.shape[:2]
    seen = image[[[h // 4], [-h // 4]], [[w // 4, -w // 4]], 0].astype(int)
    nearest = np.abs(seen[..., None] - QUARTERS.ravel()).argmin(-1)
    colours: list[list[int]] = QUARTERS.ravel()[nearest].tolist()
    return colours


def quarters(height: int = 32, width: int = 48) -> Image.Image:
    big = np.kron(QUARTERS, np.ones((height // 2, width // 2), np.uint8))
    return Image.fromarray(np.stack([big] * 3, -1))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_lossless_file_gives_its_own_pixels(kind: str) -> None:
    pixels = noise(9, 7)
    decoded = decode_image(encoded(Image.fromarray(pixels), kind), (9, 7))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_a_lossy_file_gives_about_its_own_pixels(kind: str) -> None:
    decoded = decode_image(encoded(quarters(), kind), (32, 48))
    assert corners(decoded) == QUARTERS.tolist()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, QUARTERS),
        (2, QUARTERS[:, ::-1]),
        (3, QUARTERS[::-1, ::-1]),
        (4, QUARTERS[::-1]),
        (5, QUARTERS.T),
        (6, np.rot90(QUARTERS, -1)),
        (7, QUARTERS[::-1, ::-1].T),
        (8, np.rot90(QUARTERS)),
    ],
)
def test_a_photo_taken_sideways_stands_upright(
    kind: str, orientation: int, upright: np.ndarray[Any, Any]
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    decoded = decode_image(encoded(quarters(64, 96), kind, exif=exif), (24, 20))
    assert corners(decoded) == upright.tolist()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_white(mode: str) -> None:
    clear = Image.new(mode, (4, 4), (0,) * len(mode))
    assert decode_image(encoded(clear), 4).min() == 255


def test_half_transparent_black_is_grey() -> None:
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    np.testing.assert_allclose(decode_image(encoded(half), 4), 127, atol=1)


@pytest.mark.parametrize("transparency", [0, b"\0\xff"])
def test_transparent_colours_of_a_palette_are_white(transparency: int | bytes) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([9, 9, 9, 200, 0, 0])
    file = encoded(image, transparency=transparency)
    assert decode_image(file, 4).min() == 255


@pytest.mark.parametrize(
    ("image", "kind", "colour"),
    [
        (Image.new("1", (4, 4), 1), "PNG", (255, 255, 255)),
        (Image.new("L", (4, 4), 7), "PNG", (7, 7, 7)),
        (Image.new("P", (4, 4), 1), "GIF", None),
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
        (Image.new("I;16", (4, 4), 257 * 99), "PNG", (99, 99, 99)),
        (Image.new("I", (4, 4), 65535), "TIFF", (255, 255, 255)),
        (Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF", (255, 255, 255)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_kind_of_pixel_becomes_rgb(
    image: Image.Image, kind: str, colour: tuple[int, int, int] | None
) -> None:
    decoded = decode_image(encoded(image, kind), 4)
    assert decoded.shape == (4, 4, 3)
    if colour is not None:
        np.testing.assert_allclose(decoded, np.broadcast_to(colour, (4, 4, 3)), atol=2)


def test_a_size_is_height_then_width() -> None:
    assert decode_image(encoded(quarters()), (5, 8)).shape == (5, 8, 3)
    assert decode_image(encoded(quarters()), 6).shape == (6, 6, 3)


def test_making_an_image_smaller_is_antialiased() -> None:
    board = np.indices((64, 64)).sum(0) % 2 * 255
    image = Image.fromarray(np.stack([board.astype(np.uint8)] * 3, -1))
    np.testing.assert_allclose(decode_image(encoded(image), 8), 127, atol=3)


def test_a_reduced_jpeg_looks_like_the_whole_one_made_smaller() -> None:
    smooth = Image.fromarray(noise(8, 8)).resize((256, 256), Image.Resampling.BICUBIC)
    file = encoded(smooth, "JPEG", quality=95, subsampling=0)
    whole = resize_array(decode_image(file, 256), 64)
    assert np.abs(decode_image(file, 64).astype(int) - whole).mean() < 2


def test_arrays_and_files_are_resized_alike() -> None:
    pixels = noise(20, 30)
    decoded = decode_image(encoded(Image.fromarray(pixels)), (7, 11))
    np.testing.assert_array_equal(resize_array(pixels, (7, 11)), decoded)


@pytest.mark.parametrize("size", [0, -1, 2.5, (8,), (8, 8, 3), (0, 8), "big"])
def test_a_size_that_is_none_says_what_a_size_is(size: Any) -> None:
    with pytest.raises(DataError, match=r"Image size .*: expected a positive number of pixels"):
        decode_image(encoded(quarters()), size)


def damaged_files() -> dict[str, bytes]:
    jpeg = encoded(Image.fromarray(noise(64, 64)), "JPEG")
    png = encoded(Image.fromarray(noise(64, 64)))
    return {
        "empty": b"",
        "text": b"<html>404 not found</html>",
        "jpeg cut in half": jpeg[: len(jpeg) // 2],
        "png cut in half": png[: len(png) // 2],
        "jpeg header only": jpeg[:20],
        "png with a broken byte": png[:-300] + b"\0" + png[-299:],
        "too many pixels": png_that_declares(8001, 8000),
        "many more pixels": png_that_declares(11_000, 10_000),
        "far too many pixels": png_that_declares(40_000, 40_000),
        "floating point": encoded(Image.new("F", (4, 4), 0.5), "TIFF"),
    }


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("empty", r"is empty \(0 bytes\)"),
        ("text", "is not an image in a known format"),
        ("jpeg cut in half", "cannot be decoded: .*[Tt]runcated"),
        ("png cut in half", "cannot be decoded: .*[Tt]runcated"),
        ("jpeg header only", "is not an image|cannot be decoded"),
        ("png with a broken byte", "cannot be decoded"),
        ("too many pixels", "declares 8,001 x 8,000 pixels, more than the 64,000,000"),
        ("many more pixels", "declares 11,000 x 10,000 pixels"),
        ("far too many pixels", "declares too many pixels: .*1600000000"),
        ("floating point", "has floating-point pixels"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(tmp_path: Path, damage: str, reason: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(damaged_files()[damage])
    with pytest.raises(DamagedImageError, match=rf"photo\.jpg .*{reason}") as caught:
        decode_image(path, 8)
    assert "dataset.check()" in str(caught.value)
    assert find_damage(path) is not None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedImageError, match=r"gone\.jpg cannot be read: No such file"):
        decode_image(tmp_path / "gone.jpg", 8)


def test_pixels_of_a_bomb_are_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise AssertionError("decoded a bomb")

    monkeypatch.setattr(pillow, "_upright", load)
    assert MAX_PIXELS < 8001 * 8000
    with pytest.raises(DamagedImageError, match="declares"):
        decode_image(png_that_declares(8001, 8000), 8)


def test_a_jpeg_of_a_large_camera_is_decoded_at_a_part_of_its_size() -> None:
    large = Image.new("L", (12_000, 9_000), 200)
    large.paste(50, (0, 0, 6_000, 9_000))
    content = encoded(large, "JPEG")
    pixels = decode_image(content, (6, 8))
    assert pixels[:, 0].mean() == pytest.approx(50, abs=3)
    assert pixels[:, -1].mean() == pytest.approx(200, abs=3)
    assert find_damage(content) is None


def test_broken_exif_does_not_make_an_image_damaged() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03\0\0\xff"
    jpeg = encoded(quarters(), "JPEG", exif=exif)
    assert corners(decode_image(jpeg, (32, 48))) == QUARTERS.tolist()


def test_warning_filters_are_as_before_when_threads_are_done() -> None:
    before = list(warnings.filters)
    inside = threading.Barrier(4)

    def work() -> None:
        with expected_pillow_warnings():
            inside.wait(timeout=10)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_a_warning_that_nobody_expected_still_shows() -> None:
    with expected_pillow_warnings(), pytest.warns(UserWarning, match="news"):
        warnings.warn("news", UserWarning, stacklevel=1)


@given(
    position=st.integers(0, 2000),
    junk=st.binary(min_size=1, max_size=40),
    kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"]),
    cut=st.booleans(),
)
def test_whatever_a_file_holds_it_is_decoded_or_named(
    position: int, junk: bytes, kind: str, cut: bool
) -> None:
    whole = encoded(quarters(), kind)
    start = position % len(whole)
    rest = b"" if cut else whole[start + len(junk) :]
    try:
        assert decode_image(whole[:start] + junk + rest, 8, name="x").shape == (8, 8, 3)
    except DamagedImageError as error:
        assert str(error).startswith("x ")  # noqa: PT017 - either outcome is right


def test_many_files_keep_their_order(write_image: WriteImage) -> None:
    paths = [write_image(f"{'n' * number}.jpg") for number in range(1, 9)]
    decoded = decode_many(paths, 6, workers=4)
    for path, pixels in zip(paths, decoded, strict=True):
        np.testing.assert_array_equal(pixels, decode_image(path, 6))


def test_one_damaged_file_among_many_is_named(write_image: WriteImage) -> None:
    paths = [write_image(f"{'n' * number}.jpg") for number in range(1, 5)]
    paths[2].write_bytes(b"")
    with pytest.raises(DamagedImageError, match=r"nnn\.jpg is empty"):
        decode_many(paths, 6, workers=2)
    with pytest.raises(DamagedImageError, match="the third is empty"):
        decode_many(paths, 6, names=["first", "second", "the third", "fourth"])


def test_settings_for_a_cache_key_are_plain_and_tell_sizes_apart() -> None:
    assert json.dumps(decode_settings(96)) != json.dumps(decode_settings((96, 128)))
    assert decode_settings(96) == decode_settings((96, 96))


def test_a_report_names_what_is_damaged() -> None:
    damaged = tuple(DamagedImage(n, f"{n}.jpg", "is empty (0 bytes)") for n in range(12))
    report = DamageReport(20, damaged, ignored=("notes.txt",))
    assert not report
    assert not report.ok
    assert "12 of 20 images are damaged" in str(report)
    assert "11.jpg is empty" in str(report)
    assert "notes.txt" in str(report)
    with pytest.raises(DamagedImageError, match=r"0\.jpg is empty.*and 2 more.*without_damaged"):
        report.raise_if_any()


def test_a_report_without_damage_is_true_and_raises_nothing() -> None:
    report = DamageReport(20)
    assert report
    assert str(report) == "20 images checked, none is damaged."
    report.raise_if_any()
