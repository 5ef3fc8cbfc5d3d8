"""The ONNX Runtime engine, from the extra ``tlkit[onnx]``."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.errors import EngineError


class OnnxEngine:
    """A trunk exported to ONNX and run by ONNX Runtime on the CPU.

    Args:
        trunk: A built keras.Model.
        file: Where the exported model is kept; read where it exists already and is whole.

    Raises:
        EngineError: ONNX Runtime is not installed, or the trunk cannot be exported or loaded.
    """

    name = "onnxruntime"

    def __init__(self, trunk: Any, file: Path) -> None:
        runtime = _runtime()
        try:
            self._session = _load(runtime, file)
        except EngineError:
            _export(trunk, file)
            self._session = _load(runtime, file)
        self._input = self._session.get_inputs()[0].name

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images ``(n, h, w, 3)``, 0..255."""
        batch = images.astype("float32", copy=False)
        output: np.ndarray = self._session.run(None, {self._input: batch})[0]
        return output


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            "engine='onnxruntime' needs ONNX Runtime. Install it with: pip install 'tlkit[onnx]'"
        ) from error
    return onnxruntime


def _load(runtime: Any, file: Path) -> Any:
    options = runtime.SessionOptions()
    # Idle threads sleep instead of spinning: the tail trains on the same cores meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        file.unlink(missing_ok=True)
        raise EngineError(f"ONNX Runtime cannot load the exported trunk: {error}") from error


def _export(trunk: Any, file: Path) -> None:
    part = file.with_name(f".{file.stem}.{os.getpid()}.onnx")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            # tf2onnx still asks whether np.object exists, which NumPy answers with a warning.
            warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
            trunk(np.zeros((1, *trunk.input_shape[1:]), "float32"))
            trunk.export(part, format="onnx", verbose=False)
        part.replace(file)
    except Exception as error:
        raise EngineError(f"the trunk cannot be exported to ONNX: {error}") from error
    finally:
        part.unlink(missing_ok=True)
