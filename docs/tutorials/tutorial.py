"""What happens before the first cell of a tutorial, out of the reader's sight."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

LAY_OUT = Path(__file__).parents[2] / "examples/rakuten/folders.py"


def begin(*arguments: str) -> None:
    """Lay out ``pictures`` and ``new pictures`` here, with a feature store of its own.

    TensorFlow is loaded here, since it greets on standard error.
    """
    os.environ["TLKIT_CACHE_DIR"] = str(Path("cache").absolute())
    command = [sys.executable, str(LAY_OUT), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    # The page says so itself; and a page that is only read has no use for widgets.
    warnings.filterwarnings("ignore", message="(?s).*tf.lite.Interpreter is deprecated")
    warnings.filterwarnings("ignore", message="IProgress not found")
    import tensorflow

    tensorflow.get_logger().setLevel("ERROR")
