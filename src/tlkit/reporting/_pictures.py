"""Pictures inside the page, as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI = 110


@dataclass(frozen=True)
class Picture:
    """A picture with what it says in words.

    Args:
        uri: The picture itself.
        width: In pixels.
        height: In pixels.
        alt: What it shows, for those who do not see it.
        caption: What stands below it.
    """

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""


def drawn(axes: Axes, alt: str, caption: str = "") -> Picture:
    """Return a plot as a PNG of few colours, transparent, so that the page can turn dark."""
    stream = io.BytesIO()
    figure: Any = axes.figure
    figure.savefig(stream, dpi=_DPI, format="png", transparent=True)
    image = Image.open(stream).quantize(96, method=Image.Quantize.FASTOCTREE)
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True)
    return _picture("png", packed.getvalue(), image.size, alt, caption)


def photo(pixels: NDArray[np.uint8], alt: str, side: int = 160) -> Picture:
    """Return an image (h, w, 3) as a small JPEG."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=82, optimize=True)
    return _picture("jpeg", packed.getvalue(), image.size, alt, "")


def _picture(kind: str, data: bytes, size: tuple[int, int], alt: str, caption: str) -> Picture:
    text = base64.b64encode(data).decode("ascii")
    return Picture(f"data:image/{kind};base64,{text}", *size, alt, caption)
