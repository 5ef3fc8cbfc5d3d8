"""The ONNX Runtime engine, from the extra ``tlkit[onnx]``."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np

from tlkit._disk.atomic import whole_file
from tlkit._disk.seals import ONNX_TAG, check_seal, seal
from tlkit._keras.types import Model
from tlkit._plugins.hooks import hookimpl
from tlkit._threads import core_limit
from tlkit.errors import EngineError
from tlkit.features.engines.engine import EngineSpec, installed
from tlkit.features.engines.exporting import write_export

SUFFIX = ".onnx"
IN_EXTRA = ("onnxruntime", "tf2onnx")


class OnnxEngine:
    """A trunk exported to ONNX and run by ONNX Runtime on the CPU.

    Args:
        trunk: A built keras.Model.
        stem: Where the exported model is kept, but for its suffix; read where it exists already
            and is whole.

    Raises:
        EngineError: ONNX Runtime is not installed, or the trunk cannot be exported or loaded.
    """

    name = "onnxruntime"

    def __init__(self, trunk: Model, stem: Path) -> None:
        runtime = _runtime()
        file = stem.with_name(stem.name + SUFFIX)
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
    _check(file)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = core_limit()  # 0, where there is none: all cores
    # Idle threads sleep instead of spinning: the tail trains on the same cores meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        file.unlink(missing_ok=True)
        raise EngineError(f"ONNX Runtime cannot load the exported trunk: {error}") from error


def _check(file: Path) -> None:
    """Raise where an export is not what was written, before ONNX Runtime takes it."""
    try:
        check_seal(file, ONNX_TAG)
    except (OSError, ValueError) as error:
        file.unlink(missing_ok=True)
        raise EngineError(f"the exported trunk {file.name} is not used: {error}") from error


def _export(trunk: Model, file: Path) -> None:
    """Export a trunk to an ONNX file, which appears whole or not at all.

    Raises:
        EngineError: Keras or the exporter cannot do it, or the file cannot be written.
    """
    try:
        with whole_file(file) as part:
            write_export(write_network, trunk, part)
            seal(part, ONNX_TAG)
    except Exception as error:
        raise EngineError(f"the trunk cannot be exported to ONNX: {error}") from error


def write_network(trunk: Model, file: Path) -> None:
    """Write a trunk of TensorFlow to an ONNX file."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # tf2onnx still asks whether np.object exists, which NumPy answers with a warning.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        # The trunk of a training takes images of one size.
        size = cast(tuple[int, ...], trunk.input_shape[1:])
        trunk(np.zeros((1, *size), "float32"))
        trunk.export(file, format="onnx", verbose=False)


def _missing() -> str:
    return "" if all(map(installed, IN_EXTRA)) else "'tlkit[onnx]'"


@hookimpl
def tlkit_engines() -> list[EngineSpec]:
    """Return ONNX Runtime."""
    return [
        EngineSpec(
            name=OnnxEngine.name,
            make=OnnxEngine,
            missing=_missing,
            reads=(SUFFIX,),
            packages=("onnxruntime", "onnxruntime-gpu"),
        )
    ]
