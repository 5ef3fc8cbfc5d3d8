"""JPEG files that decode although bytes in them have changed: what libjpeg warns of.

A JPEG has no checksum, and Pillow passes over the warnings of its decoder. The extra
``tlkit[jpeg]`` brings one that tells them.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

_BEGINS = b"\xff\xd8"
# Of what that decoder says; the rest is what it cannot do, such as CMYK.
_DAMAGE = ("Corrupt JPEG data", "Premature end")


def jpeg_warning(content: bytes) -> str | None:
    """Return what libjpeg warns of in a JPEG that decodes, in words that follow its name.

    Args:
        content: Of a file that Pillow has decoded.

    Returns:
        The warning; None where there is none, for files of other kinds, and without the extra.

    Example:
        >>> jpeg_warning(b"no JPEG") is None
        True
    """
    if not content.startswith(_BEGINS) or not _installed():
        return None
    import simplejpeg

    try:
        # As small as it goes: all of the file is read, and few pixels are made.
        simplejpeg.decode_jpeg(content, fastdct=True, min_height=1, min_width=1, strict=True)
    except ValueError as error:
        told = str(error)
        return f"is damaged: {told}" if told.startswith(_DAMAGE) else None
    return None


@cache
def _installed() -> bool:
    return find_spec("simplejpeg") is not None
