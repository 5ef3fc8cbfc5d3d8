"""The warnings of Pillow that tlkit expects and answers itself."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

_RULES: tuple[tuple[str, type[Warning], str], ...] = (
    # decode.py holds images to its own, lower limit of pixels.
    ("", Image.DecompressionBombWarning, r"PIL\.Image"),
    # Broken tags (EXIF). Whether an image is damaged is for its pixels to say.
    ("", UserWarning, r"PIL\.TiffImagePlugin"),
    ("Possibly corrupt EXIF MakerNote", UserWarning, r"PIL\.Image"),
    # The first picture of the file is whole, and only that one is read.
    ("Image appears to be a malformed MPO", UserWarning, r"PIL\.JpegImagePlugin"),
    ("Invalid APNG", UserWarning, r"PIL\.PngImagePlugin"),
)

_lock = threading.Lock()
_users = 0
_outer: warnings.catch_warnings[None] | None = None


@contextmanager
def expected_pillow_warnings() -> Iterator[None]:
    """Silence the listed warnings while any thread is inside.

    Python keeps its warning filters per process, so threads that change and restore them by
    themselves undo each other. Here the first thread to enter sets them and the last to leave
    restores them.

    Example:
        >>> with expected_pillow_warnings():
        ...     pass
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _users, _outer
    with _lock:
        _users += 1
        if _users == 1:
            _outer = warnings.catch_warnings()
            _outer.__enter__()
            for message, category, module in _RULES:
                warnings.filterwarnings("ignore", message, category, module)


def _leave() -> None:
    global _users, _outer
    with _lock:
        _users -= 1
        if _users == 0 and _outer is not None:
            _outer.__exit__(None, None, None)
            _outer = None
