"""What tlkit asks of Pillow: the bytes of a file -> upright RGB pixels, or a reason why not."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from tlkit.data.decoding.contents import ImageSource, read_content
from tlkit.data.decoding.depth import Unusable, eight_bit, need_of, refusal
from tlkit.data.decoding.fitting import SQUASH, Fit, draft_size, resized
from tlkit.data.decoding.formats import readers_for

Pixels: TypeAlias = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
"""Images of more pixels than this are refused before anything is decoded.

A JPEG counts with the size in which it is decoded: at a half, a quarter or an eighth of its own
where that is enough."""

Depth: TypeAlias = Callable[[int], int]
"""Gives the depth at which an image of more than 8 bits is read, from what that image needs."""

_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_pixels(
    source: ImageSource, size: tuple[int, int] | None, depth: Depth, fit: Fit = SQUASH
) -> Pixels:
    """Decode and resize one image.

    Args:
        source: Where its content is, or that itself.
        size: (height, width); None for the size that the image has.
        depth: Asked where the image has more than 8 bits for each value.
        fit: How it comes to that size.

    Returns:
        Array of shape (height, width, 3), uint8, 0..255, RGB.

    Raises:
        Unusable: The file gives no pixels; the text says why.

    Example:
        >>> read_pixels(b"", (8, 8), lambda need: 16)
        Traceback (most recent call last):
            ...
        tlkit.data.decoding.depth.Unusable: is empty (0 bytes)
    """
    content = read_content(source)
    if not content:
        raise Unusable("is empty (0 bytes)")
    readers = readers_for(content)
    try:
        with Image.open(io.BytesIO(content), formats=readers) as image:
            _draft(image, size, fit)
            _refuse_bomb(image)
            upright = _upright(image, depth)
            sized = upright if size is None else resized(upright, size, fit)
            return np.asarray(sized.convert("RGB"))
    except UnidentifiedImageError as error:
        raise Unusable(f"is not an image in a known format ({', '.join(readers)})") from error
    except Image.DecompressionBombError as error:
        raise Unusable(f"declares too many pixels: {error}") from error
    except MemoryError as error:
        raise Unusable("needs more memory to be decoded than there is") from error
    except _PILLOW_ERRORS as error:
        raise Unusable(f"cannot be decoded: {str(error) or type(error).__name__}") from error


def _refuse_bomb(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise Unusable(
            f"declares {width:,} x {height:,} pixels, more than the {MAX_PIXELS:,} that are decoded"
        )


def _draft(image: Image.Image, size: tuple[int, int] | None, fit: Fit) -> None:
    """Have a JPEG decoded no larger than is needed."""
    if size is not None and isinstance(image, JpegImageFile):
        sideways = image.getexif().get(_ORIENTATION_TAG) in (5, 6, 7, 8)
        seen = image.size[::-1] if sideways else image.size
        least = draft_size(seen, size, fit)
        image.draft("RGB", least[::-1] if sideways else least)


def _upright(image: Image.Image, depth: Depth) -> Image.Image:
    """Return an RGB image, or a grey one where the file has deep grey values: that takes less."""
    need = need_of(image)
    image.load()
    # Read again: Pillow turns TIFF files itself while loading, and then clears the tag.
    turn = _ORIENTATIONS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    shallow = _shallow(image, need, depth)
    return shallow if turn is None else shallow.transpose(turn)


def _shallow(image: Image.Image, need: int, depth: Depth) -> Image.Image:
    if image.mode == "F":
        raise Unusable("has floating-point pixels, which have no agreed range; save it as 8 bit")
    if need:
        asked = depth(need)
        why_not = refusal(need, asked)
        if why_not is not None:
            raise Unusable(why_not)
        if image.mode.startswith("I"):
            return eight_bit(image, asked)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert("RGB")
    return image.convert("RGB")
