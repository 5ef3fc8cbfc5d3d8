"""Images of more than 8 bits for each value: which they are, and how they become 8-bit ones.

What such an image needs is one small number, which is 0 where it needs nothing: bits, and whether
they are of colours. How it is read is never its own choice: one depth holds for a whole data set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tlkit._numbers import is_whole
from tlkit.errors import DataError

FULL = 16
"""The depth at which a value of 65,535 is white."""

_COLOURS = 64
_LEAST, _MOST = 8, 32
_ROWS_AT_ONCE = 64


class Unusable(Exception):  # noqa: N818 - a reason on its way to becoming an error or a report
    """Why a file gives no pixels, in words that follow its name."""


def bits(need: int) -> int:
    """Return how many bits the largest value of an image takes, at least 8."""
    return need & (_COLOURS - 1)


def own_depth(need: int) -> int:
    """Return the least depth at which an image can be read."""
    return FULL if need & _COLOURS else bits(need)


def refusal(need: int, depth: int) -> str | None:
    """Return why an image cannot be read at a depth, or None.

    Example:
        >>> refusal(13, 12)
        'has values of 13 bits, more than depth=12; pass the depth of the largest, or leave it out'
    """
    if need & _COLOURS and depth != FULL:
        return (
            f"has colours of 16 bits, of which only the upper 8 are read, and depth={depth}; save "
            "its data set as 8 bit, or pass depth=16 where 65,535 is white"
        )
    if bits(need) > depth:
        return (
            f"has values of {bits(need)} bits, more than depth={depth}; pass the depth of the "
            "largest, or leave it out"
        )
    return None


def may_be_deep(head: bytes) -> bool:
    """Return whether a file that begins like this can hold more than 8 bits for each value."""
    if head.startswith(b"\x89PNG"):
        return head[24:25] == b"\x10"
    return head.startswith((b"II", b"MM", b"P2", b"P3", b"P5", b"P6"))


def need_of(image: Image.Image) -> int:
    """Return what an image that was opened needs; its pixels are loaded where it is deep."""
    deep_colours = _has_deep_colours(image)  # asked first: loading forgets how it was stored
    if image.mode.startswith("I"):
        return max(_checked_bits(np.asarray(image)), _LEAST)
    if not deep_colours:
        return 0
    colours = image.getbands()
    ranges: Any = image.getextrema()
    each = ranges if len(colours) > 1 else (ranges,)
    high = max(top for band, (_, top) in zip(colours, each, strict=True) if band not in "Aa")
    return _COLOURS | (int(high).bit_length() + 8 if high else _LEAST)


def eight_bit(image: Image.Image, depth: int) -> Image.Image:
    """Turn a grey image of integers into an 8-bit one, where 2**depth - 1 is white."""
    values = np.asarray(image)
    top = 2**depth - 1
    grey = np.empty(values.shape, np.uint8)
    # Some rows at a time: wide copies of a whole scan would take gigabytes.
    for start in range(0, len(values), _ROWS_AT_ONCE):
        part = values[start : start + _ROWS_AT_ONCE].astype(np.uint64)
        grey[start : start + _ROWS_AT_ONCE] = (part * 255 + top // 2) // top
    return Image.fromarray(grey)


def checked_depth(depth: Any) -> int | None:
    """Return a depth that was asked for, or None.

    Raises:
        DataError: It is none.
    """
    if depth is None:
        return None
    if is_whole(depth, _LEAST) and depth <= _MOST:
        return int(depth)
    raise DataError(
        f"depth={depth!r}; expected how many bits the values of deep images have, a whole number "
        "from 8 to 32 such as 12 where 4,095 is white, or None to find it in the images."
    )


def _has_deep_colours(image: Image.Image) -> bool:
    if image.mode.startswith("I"):
        return False
    tiles: Any = getattr(image, "tile", ())
    given = [x for tile in tiles for x in (tile[3] if isinstance(tile[3], tuple) else (tile[3],))]
    stored = any(isinstance(x, str) and ";16" in x for x in given)
    return stored or (image.format == "PPM" and 65535 in given)


def _checked_bits(values: NDArray[Any]) -> int:
    if values.size and values.min() < 0:
        raise Unusable(
            f"has values below 0 (down to {values.min():,}), which have no agreed range; save it "
            "as 8 bit"
        )
    return int(values.max()).bit_length() if values.size else 0
