"""Small image files to test with."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImage = Callable[..., Path]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """An image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(
    height: int, width: int, seed: int = 0
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Random pixels: (height, width, 3), uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def png_that_declares(width: int, height: int) -> bytes:
    """A small PNG file whose header promises a large image."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.fixture
def write_image(tmp_path: Path) -> WriteImage:
    """Write a small JPEG whose content depends on its name, below the test's folder."""

    def write(name: str, size: tuple[int, int] = (12, 10)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(Image.fromarray(noise(*size, seed=len(name))), "JPEG"))
        return path

    return write


@pytest.fixture
def folders(tmp_path: Path, write_image: WriteImage) -> Path:
    """Two class folders, "cat" with three images and "dog" with two."""
    for name in ("cat/a.jpg", "cat/bb.jpg", "cat/ccc.jpg", "dog/dddd.jpg", "dog/eeeee.jpg"):
        write_image(name)
    return tmp_path
