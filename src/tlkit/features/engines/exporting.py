"""Who writes exports: TensorFlow here, JAX here, or TensorFlow in a process of its own."""

from __future__ import annotations

import importlib
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import shorten

from tlkit._keras.types import Model
from tlkit.errors import EngineError
from tlkit.features.engines.engine import backend
from tlkit.features.engines.on_jax import jax_writes

PATIENCE_S = 900
# As Python begins the line of an exception, and Keras that of the one behind its own.
_EXCEPTION = re.compile(r"([A-Za-z_][\w.]*(Error|Exception|Interrupt)|Exception encountered): ")
Write = Callable[[Model, Path], None]
_log = logging.getLogger("tlkit")


def write_export(write: Write, trunk: Model, file: Path, on_jax: Write | None = None) -> None:
    """Call ``write(trunk, file)`` where Keras runs on TensorFlow.

    Any backend builds the same network from a ``.keras`` file. On another one than TensorFlow, the
    trunk is saved as one and a new process, about ten seconds slower, reads and exports it. That
    process uses no GPU. Where JAX can write it, no TensorFlow starts; of what it refuses, or writes
    wrongly, the process is in charge as before, and the log of tlkit says why.

    Args:
        write: A function at the top of a module of tlkit.
        trunk: A built keras.Model.
        file: What is to be written.
        on_jax: Does it where Keras runs on JAX, and raises where what it wrote gives other numbers
            than Keras; None where it cannot be done there.

    Raises:
        EngineError: The process failed, for example because the trunk has layers of your own that
            are defined in your program; the message is that of the process.
    """
    if backend() == "tensorflow":
        write(trunk, file)
        return
    if on_jax is not None and jax_writes() and _written(on_jax, trunk, file):
        return
    with tempfile.TemporaryDirectory(prefix="tlkit-") as folder:
        saved = Path(folder) / "trunk.keras"
        trunk.save(saved)
        arguments = [write.__module__, write.__name__, str(saved), str(file)]
        _run([sys.executable, "-P", "-m", "tlkit.features.engines.exporting", *arguments])


def _written(on_jax: Write, trunk: Model, file: Path) -> bool:
    try:
        on_jax(trunk, file)
    except Exception as error:  # noqa: BLE001 - told, and TensorFlow does it
        first = shorten(str(error) or type(error).__name__, 300)
        _log.info("JAX does not export %r, TensorFlow does: %s", trunk.name, first)
        return False
    return True


def _run(command: Sequence[str]) -> None:
    elsewhere = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        subprocess.run(
            command, env=elsewhere, check=True, capture_output=True, text=True, timeout=PATIENCE_S
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        # Behind the line with the exception its message may go on for pages.
        told = [line for line in lines if _EXCEPTION.match(line)] or lines
        raise EngineError(
            f"TensorFlow, in a process of its own: {shorten(told[-1], 300)}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"TensorFlow took more than {PATIENCE_S} s for it") from error


def main(arguments: Sequence[str]) -> None:
    """Read a trunk and export it: module and name of the function, the trunk's file, the target."""
    import keras

    module, name, saved, file = arguments
    trunk = keras.models.load_model(saved, compile=False)
    getattr(importlib.import_module(module), name)(trunk, Path(file))


if __name__ == "__main__":
    main(sys.argv[1:])
