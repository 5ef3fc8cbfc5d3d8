"""Image files -> uint8 RGB arrays; damaged files are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from tlkit._threads import in_threads
from tlkit.data.decoding._pillow import (
    MAX_PIXELS,
    Depth,
    Pixels,
    read_pixels,
)
from tlkit.data.decoding._pillow_warnings import expected_pillow_warnings
from tlkit.data.decoding.contents import ImageSource
from tlkit.data.decoding.depth import FULL, Unusable
from tlkit.data.decoding.fitting import PASSES_BY_COST, SQUASH, Fit, resized
from tlkit.data.decoding.looks import read_file, unreadable
from tlkit.errors import DataError

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "RESIZE",
    "Depth",
    "Pixels",
    "Size",
    "as_size",
    "decode_image",
    "decode_many",
    "decode_settings",
    "resize_array",
]

Size: TypeAlias = "int | tuple[int, int]"

RESIZE = "pillow-bilinear-antialias"
"""The one resize of tlkit: Pillow's bilinear with antialias."""

EXTENSIONS = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"}
    | {".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".hif"}
)
"""File name endings, in lower case, that count as images."""


def _full_depth(_: int) -> int:
    return FULL


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
    resize = f"{RESIZE}, passes by cost" if PASSES_BY_COST else RESIZE
    return {"decoder": 1, "resize": resize, "background": "white", "size": list(as_size(size))}


def decode_image(
    source: ImageSource,
    size: Size | None,
    *,
    name: str | None = None,
    depth: Depth = _full_depth,
    fit: Fit = SQUASH,
) -> Pixels:
    """Decode one image to RGB and resize it.

    The EXIF orientation is applied, transparent pixels become white, and palette, grey, CMYK and
    16-bit images become 8-bit RGB; of an animation the first frame is read. A JPEG that is at
    least twice as large as asked is decoded at 1/2, 1/4 or 1/8 of its size first, which is
    faster and antialiased. The rest of the way is one antialiased bilinear resize.

    Args:
        source: Path of a file, or its content.
        size: One side in pixels, or (height, width); None for the size that the image has.
        name: What to call the image in an error; None for its path.
        depth: Gives the depth at which an image of more than 8 bits is read; by default 65,535 is
            white.
        fit: How it comes to that size; see `resized`.

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
    height_width = None if size is None else as_size(size)
    try:
        with expected_pillow_warnings():
            return read_pixels(source, height_width, depth, fit)
    except Unusable as reason:
        raise unreadable(source, name, reason) from reason


def decode_many(
    sources: Sequence[ImageSource],
    size: Size,
    *,
    workers: int | None = None,
    names: Sequence[str] | None = None,
    depth: Depth = _full_depth,
    seen: Callable[[int, bytes], None] | None = None,
    fit: Fit = SQUASH,
) -> Pixels:
    """Decode many images in parallel threads; the result keeps their order.

    Args:
        sources: Paths of files, or their contents.
        size: One side in pixels, or (height, width).
        workers: Number of threads; None for one per core.
        names: What to call the images in an error; None for their paths.
        depth: Gives the depth at which images of more than 8 bits are read.
        seen: Called with the number of each image and the very content that is decoded.
        fit: How they come to that size; see `resized`.

    Returns:
        Array of shape (n, height, width, 3), uint8, 0..255, RGB.

    Raises:
        DamagedImageError: One image cannot be read; the message names it and the reason.
        DataError: The size is not one.

    Example:
        >>> decode_many([], 32).shape
        (0, 32, 32, 3)
    """
    height_width = as_size(size)
    images = np.empty((len(sources), *height_width, 3), np.uint8)

    def decode(index: int) -> None:
        source, name = sources[index], None if names is None else names[index]
        content = read_file(source, name)
        if seen is not None:
            seen(index, content)
        try:
            images[index] = read_pixels(content, height_width, depth, fit)
        except Unusable as reason:
            raise unreadable(source, name, reason) from reason

    with expected_pillow_warnings():
        in_threads(decode, range(len(sources)), workers)
    return images


def resize_array(image: Pixels, size: Size, fit: Fit = SQUASH) -> Pixels:
    """Resize an array the way that files are resized.

    Args:
        image: Array of shape (h, w, 3), uint8, 0..255.
        size: One side in pixels, or (height, width).
        fit: How it comes to that size; see `resized`.

    Returns:
        Array of shape (height, width, 3), uint8, 0..255.

    Example:
        >>> resize_array(np.zeros((8, 6, 3), np.uint8), 4).shape
        (4, 4, 3)
    """
    return np.asarray(resized(Image.fromarray(image), as_size(size), fit))
