"""HEIC and AVIF: read where their readers are installed, and else named with what to install."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from tests.data.conftest import encoded
from tlkit import ImageDataset
from tlkit.data.decoding import formats
from tlkit.data.decoding.decode import decode_image
from tlkit.errors import DamagedImageError


def corner() -> Image.Image:
    """A black picture, 96 pixels wide and 64 high, whose upper left quarter is red."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :48] = (255, 0, 0)
    return Image.fromarray(pixels)


def content(kind: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "HEIF":
        pillow_heif = pytest.importorskip("pillow_heif", reason="it is in the extra tlkit[heic]")
        pillow_heif.register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("Pillow reads AVIF from 11.3 on")
    return encoded(corner(), kind, quality=90, exif=exif.tobytes())


def red_corner(pixels: Any) -> str:
    """Which quarter is red."""
    quarters = {"upper left": (8, 8), "upper right": (8, -8), "lower left": (-8, 8)}
    return next((name for name, place in quarters.items() if pixels[place][0] > 200), "lower right")


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "where", "shape"),
    [
        (1, "upper left", (64, 96, 3)),
        (6, "upper right", (96, 64, 3)),
        (3, "lower right", (64, 96, 3)),
    ],
)
def test_they_are_read_upright(kind: str, orientation: int, where: str, shape: Any) -> None:
    pixels = decode_image(content(kind, orientation), None)
    assert (red_corner(pixels), pixels.shape) == (where, shape)
    assert decode_image(content(kind, orientation), 32).shape == (32, 32, 3)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, kind in (("cat/a.HEIC", "HEIF"), ("cat/b.avif", "AVIF"), ("dog/c.jpg", "HEIF")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content(kind))
    corner().save(tmp_path / "dog" / "d.png")
    return tmp_path


def test_folders_of_them_are_read_whatever_their_files_are_called(photos: Path) -> None:
    data = ImageDataset.from_directory(photos)
    assert data.names == ("cat/a.HEIC", "cat/b.avif", "dog/c.jpg", "dog/d.png")
    assert data.check().ok
    assert {red_corner(pixels) for pixels, _ in data} == {"upper left"}
    (photos / "cat" / "a.HEIC").write_bytes(content("HEIF")[:600])
    assert [x.name for x in ImageDataset.from_directory(photos).check().damaged] == ["cat/a.HEIC"]


@pytest.fixture
def nothing_installed(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The pictures, where nothing reads them any more."""
    formats._installed.cache_clear()
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    monkeypatch.setattr(features, "check", lambda _: False)
    others = {name: reader for name, reader in Image.OPEN.items() if name not in ("AVIF", "HEIF")}
    monkeypatch.setattr(Image, "OPEN", others)
    yield photos
    formats._installed.cache_clear()


def test_where_nothing_reads_them_they_are_named(
    nothing_installed: Path,
) -> None:
    data = ImageDataset.from_directory(nothing_installed)
    assert data.ignored == ()
    report = data.check()
    assert str(report).startswith("3 of 4 images cannot be read:")
    assert "damaged" not in str(report)
    reasons = [x.reason for x in report.damaged]
    assert ["pillow-heif" in reason for reason in reasons] == [True, False, True]
    assert all("pip install 'tlkit[heic]'" in reason for reason in reasons)
    with pytest.raises(DamagedImageError, match=r"cannot be read: cat/a\.HEIC is a HEIC .*Install"):
        report.raise_if_any()
    with pytest.raises(DamagedImageError, match=r"c\.jpg is a HEIC .*Install it, or convert"):
        data.load([2], 8)
