"""Loading a framework without what its libraries say of their own build."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# What loggers of C++ libraries say that is no warning: levels I, and that there is no log file yet.
_NOISE = re.compile(
    rb"^(?:I\d{4} |WARNING: All log messages before absl::InitializeLog)[^\n]*\n?", re.MULTILINE
)


@contextmanager
def without_build_notes() -> Iterator[None]:
    """Keep notes that libraries write to standard error for a block off the screen.

    TensorFlow writes them before its own setting of a level is read. Everything else that is
    written there is shown once the block is left.
    """
    try:
        kept = os.dup(2)
    except OSError:  # the process was started without one
        yield
        return
    with tempfile.TemporaryFile() as file:
        _flush()
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            left = _NOISE.sub(b"", file.read())
            while left:
                left = left[os.write(2, left) :]


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
