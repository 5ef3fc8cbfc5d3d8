"""What happens before the first cell of a tutorial, out of the reader's sight."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

LAY_OUT = Path(__file__).parents[2] / "examples/rakuten/folders.py"


def begin(*arguments: str) -> None:
    """Lay out ``pictures`` and ``new pictures`` here, with a feature store of its own.

    TensorFlow is loaded here, since it greets on standard error.
    """
    os.environ["TLKIT_CACHE_DIR"] = str(Path("cache").absolute())
    subprocess.run([sys.executable, str(LAY_OUT), *arguments], check=True)
    with contextlib.suppress(ImportError):
        import tensorflow  # noqa: F401
