"""What lies beside the images of a folder and is not read, in words."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from tlkit._printing import counted

_SHOWN = 10
# Pictures of kinds that are not read: of cameras, of programs that draw, of doctors, of the web.
_PICTURES = frozenset(
    {".ai", ".arw", ".cr2", ".cr3", ".dcm", ".dds", ".dng", ".eps", ".exr", ".hdr", ".ico"}
    | {".j2k", ".jp2", ".jpf", ".jpx", ".jxl", ".nef", ".orf", ".pam", ".pcx", ".psd", ".qoi"}
    | {".raf", ".raw", ".rw2", ".sgi", ".svg", ".tga", ".xcf"}
)


def kinds(names: Sequence[str], most: int = _SHOWN) -> str:
    """Return how many files there are of each kind, the most frequent first.

    Example:
        >>> kinds(["a.txt", "b.TXT", "c"])
        '2 .txt, 1 without ending'
    """
    found = Counter(PurePosixPath(name).suffix.lower() or "without ending" for name in names)
    listed = ", ".join(f"{count:,} {kind}" for kind, count in found.most_common(most))
    return listed + (f", and {len(found) - most} kinds more" if len(found) > most else "")


def told_ignored(names: Sequence[str]) -> str:
    """Return what is ignored, for the end of a line; empty where nothing is.

    Example:
        >>> told_ignored(["notes.txt"])
        '; 1 other file ignored (1 .txt)'
    """
    if not names:
        return ""
    return f"; {counted(len(names), 'other file')} ignored ({kinds(names, 3)})"


def warn_of_pictures(names: Sequence[str]) -> None:
    """Warn where what is ignored are pictures, of kinds that are not read."""
    pictures = [name for name in names if PurePosixPath(name).suffix.lower() in _PICTURES]
    if pictures:
        warnings.warn(
            f"{counted(len(pictures), 'picture')} of kinds that tlkit does not read "
            f"{'is' if len(pictures) == 1 else 'are'} left out: {kinds(pictures)}, such as "
            f"{pictures[0]!r}. Convert them to JPEG, PNG or WebP to have them in.",
            stacklevel=4,
        )
