"""The ONNX Runtime engine, from the extra ``tlkit[onnx]``."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tlkit._disk.atomic import whole_file
from tlkit._disk.seals import ONNX_TAG, check_seal, seal
from tlkit._keras.types import Model
from tlkit._plugins.hooks import hookimpl
from tlkit._threads import core_limit
from tlkit.errors import EngineError
from tlkit.features.engines.engine import EngineSpec, installed
from tlkit.features.engines.exporting import write_export
from tlkit.features.engines.keras_engine import large_batch, padded
from tlkit.features.engines.on_jax import has_writer, write_onnx

SUFFIX = ".onnx"
CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Device:
    """A device that ONNX Runtime runs a trunk on, besides the CPU.

    Args:
        engine: Name of the engine.
        provider: ONNX Runtime's name of what runs it.
        package: The distribution of ONNX Runtime that has it.
        options: Of the provider: float32 is to be float32.
        export_s: As for `EngineSpec`: some compile the network for long.
    """

    engine: str
    provider: str
    package: str
    options: Mapping[str, str] = field(default_factory=dict)
    export_s: float = 10.0


DEVICES = (
    Device(*("onnxruntime-cuda", "CUDAExecutionProvider", "onnxruntime-gpu"), {"use_tf32": "0"}),
    Device(
        *("onnxruntime-tensorrt", "TensorrtExecutionProvider", "onnxruntime-gpu"), export_s=60.0
    ),
    Device(*("onnxruntime-directml", "DmlExecutionProvider", "onnxruntime-directml")),
    Device(*("onnxruntime-coreml", "CoreMLExecutionProvider", "onnxruntime")),
)


class OnnxEngine:
    """A trunk exported to ONNX and run by ONNX Runtime, on the CPU or on another device.

    Args:
        trunk: A built keras.Model.
        stem: Where the exported model is kept, but for its suffix; read where it exists already
            and is whole.
        device: On which it runs, in batches of one size; the CPU where None.

    Raises:
        EngineError: ONNX Runtime is not installed, the trunk cannot be exported or loaded, or
            does not run on the device.
    """

    name = "onnxruntime"

    def __init__(self, trunk: Model, stem: Path, device: Device | None = None) -> None:
        runtime = _runtime()
        file = stem.with_name(stem.name + SUFFIX)
        try:
            self._session = _load(runtime, file, device)
        except EngineError:
            if file.is_file():  # which is whole: the device is what fails
                raise
            _export(trunk, file)
            self._session = _load(runtime, file, device)
        self._input = self._session.get_inputs()[0].name
        self._batch = 0
        if device is not None:
            self.name, self._batch = device.engine, large_batch(trunk)

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images ``(n, h, w, 3)``, 0..255."""
        if not self._batch:
            return self._run(images)
        starts = range(0, len(images), self._batch)
        chunks = [images[start : start + self._batch] for start in starts]
        # Always as many: a device compiles a network for each number of images.
        return np.concatenate([self._run(padded(x, self._batch))[: len(x)] for x in chunks])

    def _run(self, images: np.ndarray) -> np.ndarray:
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


def _load(runtime: Any, file: Path, device: Device | None) -> Any:
    _check(file)
    if device is not None:
        return _on_device(runtime, file, device)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = core_limit()  # 0, where there is none: all cores
    # Idle threads sleep instead of spinning: the tail trains on the same cores meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(file, options, providers=[CPU])
    except Exception as error:
        file.unlink(missing_ok=True)
        raise EngineError(f"ONNX Runtime cannot load the exported trunk: {error}") from error


def _on_device(runtime: Any, file: Path, device: Device) -> Any:
    """Return a session on a device; ONNX Runtime would take the CPU without a word."""
    if device.provider not in runtime.get_available_providers():
        raise EngineError(
            f"engine={device.engine!r} needs ONNX Runtime with its {device.provider}; installed "
            f"are {', '.join(runtime.get_available_providers())}."
        )
    if device.package == "onnxruntime-gpu":
        # pip puts CUDA's libraries where the system's loader does not look.
        getattr(runtime, "preload_dlls", lambda: None)()
    try:
        given = [(device.provider, dict(device.options)), CPU]
        session = runtime.InferenceSession(file, providers=given)
    except Exception as error:
        raise EngineError(f"ONNX Runtime cannot run on {device.provider}: {error}") from error
    if session.get_providers()[0] != device.provider:
        raise EngineError(
            f"ONNX Runtime has its {device.provider}, but cannot start it here: is there such a "
            "device, and its driver and libraries in the versions that it needs?"
        )
    return session


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
            write_export(write_network, trunk, part, on_jax=write_onnx)
            seal(part, ONNX_TAG)
    except Exception as error:
        raise EngineError(f"the trunk cannot be exported to ONNX: {error}") from error


_ANY = 32  # a side, to call a network with that takes images of any size


def write_network(trunk: Model, file: Path) -> None:
    """Write a trunk of TensorFlow to an ONNX file."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # tf2onnx still asks whether np.object exists, which NumPy answers with a warning.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        height, width, channels = trunk.input_shape[1:]
        trunk(np.zeros((1, height or _ANY, width or _ANY, channels or 3), "float32"))
        trunk.export(file, format="onnx", verbose=False)


def _missing() -> str:
    # JAX writes ONNX itself, and ONNX Runtime for a GPU lives in the place of that of the extra.
    written = installed("onnxruntime") and (installed("tf2onnx") or has_writer())
    return "" if written else "'tlkit[onnx]'"


def devices() -> list[Device]:
    """Return the devices for which a distribution of ONNX Runtime is installed, CoreML's on macOS.

    Whether there is such a device, shows when its engine is made.
    """
    return [device for device in DEVICES if _has(device)]


def _has(device: Device) -> bool:
    try:
        version(device.package)
    except PackageNotFoundError:
        return False
    return device.package != "onnxruntime" or sys.platform == "darwin"


@hookimpl
def tlkit_engines() -> list[EngineSpec]:
    """Return ONNX Runtime on the CPU, and on each device that it is installed for."""
    shared: dict[str, Any] = {"missing": _missing, "reads": (SUFFIX,)}
    packages = ("onnxruntime", "onnxruntime-gpu")
    others = [
        EngineSpec(
            name=device.engine,
            make=partial(OnnxEngine, device=device),
            packages=(device.package,),
            export_s=device.export_s,
            **shared,
        )
        for device in devices()
    ]
    return [EngineSpec(name=OnnxEngine.name, make=OnnxEngine, packages=packages, **shared), *others]
