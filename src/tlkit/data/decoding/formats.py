"""Which of Pillow's readers a file needs, and what to install where it is not there."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from PIL import Image, features

from tlkit.data.decoding.depth import Unusable

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""A closed list: Pillow's other readers are rarely exercised, and one starts Ghostscript."""

_AVIF, _HEIC = "AVIF", "HEIF"
_BRANDS = {
    _AVIF: (b"avif", b"avis"),
    _HEIC: (
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"hevm",
        b"hevs",
        b"mif1",
        b"msf1",
    ),
}
_INSTALL = {
    _AVIF: "is an AVIF picture, which needs Pillow 11.3 or later: pip install 'tlkit[heic]'",
    _HEIC: "is a HEIC picture, which needs pillow-heif: pip install 'tlkit[heic]'",
}


class NotInstalled(str):
    """Why a picture that is not damaged cannot be read here, in words that follow its name."""

    __slots__ = ()


class NeedsReader(Unusable):
    """A picture that is not damaged: what reads it is not installed, and the text says what is."""


def readers_for(content: bytes) -> tuple[str, ...]:
    """Return names of the readers that may open a file.

    Raises:
        NeedsReader: It is of a known kind whose reader is not installed.

    Example:
        >>> readers_for(b"GIF89a") == FORMATS
        True
    """
    if content[4:8] != b"ftyp":
        return FORMATS
    length = min(int.from_bytes(content[:4]), 256)
    # The first names the kind, unless it is of all that are made alike ("mif1"): then another does.
    brands = [content[start : start + 4] for start in (8, *range(16, length, 4))]
    for kind, known in _BRANDS.items():
        if any(brand in known for brand in brands):
            if not _installed(kind):
                raise NeedsReader(_INSTALL[kind])
            return (kind,)
    return FORMATS


@cache
def _installed(kind: str) -> bool:
    if kind == _HEIC:
        if find_spec("pillow_heif") is None:
            return False
        import pillow_heif

        pillow_heif.register_heif_opener()
        return True
    Image.init()  # which lets plugins add theirs
    return bool(features.check("avif")) or kind in Image.OPEN
