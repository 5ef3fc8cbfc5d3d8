"""Image files -> uint8 RGB arrays; damaged files are named."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from tlkit._threads import in_threads
from tlkit.data.damage import DamagedImage, DamageReport
from tlkit.data.decoding._pillow import (
    MAX_PIXELS,
    ImageSource,
    Pixels,
    Unusable,
    read_content,
    read_pixels,
    resized,
)
from tlkit.data.decoding._pillow_warnings import expected_pillow_warnings
from tlkit.errors import DamagedImageError, DataError

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "RESIZE",
    "DamageReport",
    "DamagedImage",
    "Pixels",
    "Size",
    "as_size",
    "decode_image",
    "decode_many",
    "decode_settings",
    "find_damage",
    "read_once",
    "resize_array",
]

Size: TypeAlias = "int | tuple[int, int]"

RESIZE = "pillow-bilinear-antialias"
"""The one resize of tlkit: Pillow's bilinear with antialias; the aspect ratio is not kept."""

EXTENSIONS = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"}
    | {".tif", ".tiff", ".webp"}
)
"""File name endings, in lower case, that count as images."""

_PROBE_SIZE = (16, 16)


def as_size(size: Size) -> tuple[int, int]:
    """Turn an image size into (height, width).

    Args:
        size: One side in pixels for a square, or (height, width).

    Returns:
        Height and width in pixels.

    Raises:
        DataError: Not one or two positive integers.

    Example:
        >>> as_size(96), as_size((64, 96))
        ((96, 96), (64, 96))
    """
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) == 2 and all(isinstance(side, (int, np.integer)) and side > 0 for side in pair):
        return int(pair[0]), int(pair[1])
    raise DataError(
        f"Image size {size!r}: expected a positive number of pixels such as 224, or a pair "
        "(height, width) such as (224, 160)."
    )


def decode_settings(size: Size) -> dict[str, Any]:
    """Return all that decides the pixels besides the file, for the key of a cache.

    Args:
        size: One side in pixels, or (height, width).

    Returns:
        Plain numbers and text, ready for JSON.

    Example:
        >>> decode_settings(96)["size"]
        [96, 96]
    """
    return {"decoder": 1, "resize": RESIZE, "background": "white", "size": list(as_size(size))}


def decode_image(source: ImageSource, size: Size, *, name: str | None = None) -> Pixels:
    """Decode one image to RGB and resize it.

    The EXIF orientation is applied, transparent pixels become white, and palette, grey, CMYK and
    16-bit images become 8-bit RGB; of an animation the first frame is read. A JPEG that is at
    least twice as large as asked is decoded at 1/2, 1/4 or 1/8 of its size first, which is
    faster and antialiased. The rest of the way is one antialiased bilinear resize that does not
    keep the aspect ratio, like ``keras.utils.image_dataset_from_directory``.

    Args:
        source: Path of a file, or its content.
        size: One side in pixels, or (height, width).
        name: What to call the image in an error; None for its path.

    Returns:
        Array of shape (height, width, 3), uint8, 0..255, RGB.

    Raises:
        DamagedImageError: The file is missing, empty, truncated, no image, or declares more than
            ``MAX_PIXELS`` pixels; the message names the file and the reason.
        DataError: The size is not one.

    Example:
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (40, 30), "red").save(file, "PNG")
        >>> decode_image(file.getvalue(), (15, 20)).shape
        (15, 20, 3)
    """
    height_width = as_size(size)
    try:
        with expected_pillow_warnings():
            return read_pixels(source, height_width)
    except Unusable as reason:
        raise DamagedImageError(_sentence(name or _name(source), str(reason))) from reason


def decode_many(
    sources: Sequence[ImageSource],
    size: Size,
    *,
    workers: int | None = None,
    names: Sequence[str] | None = None,
) -> Pixels:
    """Decode many images in parallel threads; the result keeps their order.

    Args:
        sources: Paths of files, or their contents.
        size: One side in pixels, or (height, width).
        workers: Number of threads; None for one per core.
        names: What to call the images in an error; None for their paths.

    Returns:
        Array of shape (n, height, width, 3), uint8, 0..255, RGB.

    Raises:
        DamagedImageError: One image cannot be read; the message names it and the reason.
        DataError: The size is not one.

    Example:
        >>> decode_many([], 32).shape
        (0, 32, 32, 3)
    """
    images = np.empty((len(sources), *as_size(size), 3), np.uint8)

    def decode(index: int) -> None:
        name = None if names is None else names[index]
        images[index] = decode_image(sources[index], size, name=name)

    with expected_pillow_warnings():
        in_threads(decode, range(len(sources)), workers)
    return images


def find_damage(source: ImageSource) -> str | None:
    """Decode an image completely and say what is wrong with it.

    Args:
        source: Path of a file, or its content.

    Returns:
        The reason in words, or None when the image is whole.

    Example:
        >>> find_damage(b"")
        'is empty (0 bytes)'
    """
    try:
        with expected_pillow_warnings():
            read_pixels(source, _PROBE_SIZE)
    except Unusable as reason:
        return str(reason)
    return None


def read_once(path: Path, *, decoded: bool = True) -> tuple[bytes, str | None]:
    """Read a file once, for the digest of its content and for what is wrong with it.

    Args:
        path: The file.
        decoded: Whether to decode it; else all that can be wrong is that it cannot be read.

    Returns:
        SHA-256, of nothing where the file cannot be read; and the reason in words, or None.

    Example:
        >>> read_once(Path("no such file"))[1]
        'cannot be read: No such file or directory'
    """
    try:
        content = read_content(path)
    except Unusable as reason:
        return b"", str(reason)
    return hashlib.sha256(content).digest(), find_damage(content) if decoded else None


def resize_array(image: Pixels, size: Size) -> Pixels:
    """Resize an array the way that files are resized.

    Args:
        image: Array of shape (h, w, 3), uint8, 0..255.
        size: One side in pixels, or (height, width).

    Returns:
        Array of shape (height, width, 3), uint8, 0..255.

    Example:
        >>> resize_array(np.zeros((8, 6, 3), np.uint8), 4).shape
        (4, 4, 3)
    """
    return np.asarray(resized(Image.fromarray(image), as_size(size)))


def _sentence(name: str, reason: str) -> str:
    return (
        f"{name} {reason}. Expected a whole image file. Replace the file, or list every damaged "
        "image with dataset.check() and go on with dataset.without_damaged(report)."
    )


def _name(source: ImageSource) -> str:
    return f"image of {len(source)} bytes" if isinstance(source, bytes) else str(source)
