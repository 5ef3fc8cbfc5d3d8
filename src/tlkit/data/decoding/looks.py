"""One read of an image file: the digest of its content, and whether it is whole."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from tlkit.data._text import printable
from tlkit.data.decoding._jpeg import jpeg_warning
from tlkit.data.decoding._pillow import read_pixels
from tlkit.data.decoding._pillow_warnings import expected_pillow_warnings
from tlkit.data.decoding.contents import ImageSource, read_content
from tlkit.data.decoding.depth import Unusable, may_be_deep, own_depth
from tlkit.data.decoding.formats import NeedsReader, NotInstalled
from tlkit.errors import DamagedImageError

_PROBE_SIZE = (16, 16)


class FileLook(NamedTuple):
    """What one read of a file tells.

    Args:
        digest: SHA-256 of its content, or nothing where it cannot be read.
        damage: Why it gives no pixels, in words that follow its name, or None.
        need: What it needs to be read where it has more than 8 bits for each value, else 0.
    """

    digest: bytes
    damage: str | None
    need: int = 0


def read_file(source: ImageSource, name: str | None = None) -> bytes:
    """Read the content of a file, whatever it holds.

    Raises:
        DamagedImageError: It cannot be read, or is too large; the message names it.
    """
    if isinstance(source, bytes):
        return source
    try:
        return read_content(source)
    except Unusable as reason:
        raise unreadable(source, name, reason) from reason


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
    return _probe(source)[0]


def read_once(path: ImageSource, *, decoded: bool = True) -> FileLook:
    """Read a file once, for the digest of its content and for what is wrong with it.

    Args:
        path: The file, or what reads it.
        decoded: Whether to decode it; else all that can be wrong is that it cannot be read.

    Example:
        >>> from pathlib import Path
        >>> read_once(Path("no such file")).damage
        'cannot be read: No such file or directory'
    """
    try:
        return look_at(read_content(path), decoded=decoded)
    except Unusable as reason:
        return FileLook(b"", str(reason))


def look_at(content: bytes, *, decoded: bool = True, deep: bool = True) -> FileLook:
    """Find out what `read_once` does, of content that was read.

    Args:
        content: Of a file.
        decoded: Whether to decode it to find damage.
        deep: Whether to decode it too where it may have more than 8 bits for each value.
    """
    digest = hashlib.sha256(content).digest()
    if not (decoded or (deep and may_be_deep(content))):
        return FileLook(digest, None)
    damage, need = _probe(content)
    if decoded and damage is None:
        damage = jpeg_warning(content)
    return FileLook(digest, damage if decoded else None, need)


def _probe(source: ImageSource) -> tuple[str | None, int]:
    needs = [0]

    def note(need: int) -> int:
        needs.append(need)
        return own_depth(need)

    try:
        with expected_pillow_warnings():
            read_pixels(source, _PROBE_SIZE, note)
    except NeedsReader as reason:
        return NotInstalled(reason), needs[-1]
    except Unusable as reason:
        return str(reason), needs[-1]
    return None, needs[-1]


def unreadable(source: ImageSource, name: str | None, reason: Unusable) -> DamagedImageError:
    """Return the error for a file that gives no pixels.

    Args:
        source: Path of a file, or its content.
        name: What to call it; None for its path.
        reason: In words that follow its name.
    """
    if name is None:
        if isinstance(source, bytes):
            name = f"image of {len(source)} bytes"
        else:
            name = printable(str(source))
    way_out = "Expected a whole image file. Replace the file"
    if isinstance(reason, NeedsReader):
        way_out = "Install it, or convert the file to JPEG or PNG"
    return DamagedImageError(
        f"{name} {reason}. {way_out}, or list every such image with dataset.check() and go on with "
        "dataset.without_damaged(report)."
    )
