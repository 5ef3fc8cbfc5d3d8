"""The OpenVINO engine, from the extra ``tlkit[openvino]``."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import threading
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tlkit._disk.atomic import whole_file
from tlkit._disk.seals import ONNX_TAG, check_seal
from tlkit._keras.types import Model
from tlkit._plugins.hooks import hookimpl
from tlkit._threads import core_limit
from tlkit.errors import EngineError
from tlkit.features.engines.engine import EngineSpec, installed
from tlkit.features.engines.exporting import write_export
from tlkit.features.engines.on_jax import write_openvino
from tlkit.features.engines.openvino_network import write_network
from tlkit.features.engines.openvino_runtime import openvino_core, openvino_runtime
from tlkit.features.engines.quantizing import quantized

SUFFIX = ".openvino"
_log = logging.getLogger("tlkit")
# Some CPUs would compute in bfloat16 unasked, a hundred times less exactly.
SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}


class OpenVinoEngine:
    """A trunk exported to OpenVINO and run on the CPU, one image at a time on every core.

    An image alone keeps its activations in a core's own cache, and cores that run images of their
    own never wait for each other, also while the tail trains beside them.

    Args:
        trunk: A built keras.Model.
        stem: Where the exported model is kept, but for its suffix; read where it exists already
            and is whole, and made from an export to ONNX where that is there.
        change: Makes another network of it, given OpenVINO's core.
        hint: In which precision OpenVINO computes what is float32 in the network.

    Raises:
        EngineError: OpenVINO is not installed, or the trunk cannot be exported or loaded.
    """

    name = "openvino"

    def __init__(
        self,
        trunk: Model,
        stem: Path,
        *,
        change: Callable[[Any, Callable[[], Any]], Any] | None = None,
        hint: str = "f32",
    ) -> None:
        core = openvino_core()
        size, cores = tuple(trunk.input_shape[1:]), core_limit()
        settings: dict[str, Any] = {**SETTINGS, "INFERENCE_PRECISION_HINT": hint}
        settings |= {"INFERENCE_NUM_THREADS": cores} if cores else {}
        try:
            given = partial(_network, core, trunk, stem)
            network = given() if change is None else change(core, given)
            network.reshape([1, *size])
            compiled = core.compile_model(network, "CPU", settings)
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(f"OpenVINO cannot load the exported trunk: {error}") from error
        self._compiled, given = compiled, compiled.output(0)
        self._shape, self._dtype = tuple(given.shape)[1:], given.element_type.to_dtype()
        # Twice as many as run at a time: the next image waits where one ends.
        count = 2 * compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = [compiled.create_infer_request() for _ in range(count)]
        self._own = [request.get_output_tensor(0) for request in self._requests]
        self._tensor = partial(openvino_runtime().Tensor, shared_memory=True)
        self._busy = threading.Lock()

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images ``(n, h, w, 3)``, 0..255."""
        batch = np.ascontiguousarray(images, "float32")
        output = np.empty((len(batch), *self._shape), self._dtype)
        # A request is one thread's at a time; after an error, too, all are waited for, as they read
        # and write these arrays.
        with self._busy, contextlib.ExitStack() as ends:
            started = self._requests[: len(batch)]
            for request, own in zip(started, self._own, strict=False):
                ends.callback(request.set_output_tensor, 0, own)
                ends.callback(request.wait)
            for row in range(len(batch)):
                request = started[row % len(started)]
                request.wait()
                request.set_output_tensor(0, self._tensor(output[row : row + 1]))
                request.start_async({0: batch[row : row + 1]}, share_inputs=True)
        return output.astype("float32", copy=False)


def _network(core: Any, trunk: Model, stem: Path) -> Any:
    """Return the trunk for OpenVINO: kept, made from its ONNX file, or exported anew."""
    file, exchanged = (stem.with_name(stem.name + suffix) for suffix in (SUFFIX, ".onnx"))
    network = _unpacked(core, file)
    if network is None and exchanged.is_file():
        network = _from_onnx(core, exchanged)
    return _exported(core, trunk, file) if network is None else network


def _unpacked(core: Any, file: Path) -> Any:
    """Read a kept network, or return None where it is not there, not whole, or of another time."""
    try:
        with zipfile.ZipFile(file) as both:  # which checks the CRC of what it reads
            return core.read_model(both.read("model.xml"), both.read("model.bin"))
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 - damaged in any way
        _log.warning("%s is damaged and is made again: %s", file.name, error)
        file.unlink(missing_ok=True)
        return None


def _from_onnx(core: Any, file: Path) -> Any:
    try:
        check_seal(file, ONNX_TAG)
        network = core.read_model(file)
    except Exception as error:  # noqa: BLE001 - there is an export of its own
        _log.warning("OpenVINO cannot read %s and exports anew: %s", file.name, error)
        return None
    # Some exports have constants for inputs.
    return network if len(network.inputs) == 1 else None


def _exported(core: Any, trunk: Model, file: Path) -> Any:
    try:
        with tempfile.TemporaryDirectory() as folder:
            xml = Path(folder) / "model.xml"
            write_export(write_network, trunk, xml, on_jax=write_openvino)
            parts = {name: (xml.parent / name).read_bytes() for name in ("model.xml", "model.bin")}
    except Exception as error:
        raise EngineError(f"the trunk cannot be exported to OpenVINO: {error}") from error
    with contextlib.suppress(OSError):  # a store may be for reading only, or full
        _pack(parts, file)
    return core.read_model(parts["model.xml"], parts["model.bin"])


def _pack(parts: dict[str, bytes], file: Path) -> None:
    with whole_file(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as both:
        for name, content in parts.items():
            both.writestr(name, content)


def _made_low(
    trunk: Model,
    stem: Path,
    precision: str,
    kept: Path,
    pictures: Callable[[], np.ndarray],
) -> OpenVinoEngine:
    """Return the engine at a precision; a network of int8 is kept, and read where it is there."""
    if precision == "bfloat16":
        return OpenVinoEngine(trunk, stem, hint="bf16")
    file = kept.with_name(kept.name + SUFFIX)

    def change(core: Any, given: Callable[[], Any]) -> Any:
        network = _unpacked(core, file)
        return _quantized(core, given(), pictures(), file) if network is None else network

    return OpenVinoEngine(trunk, stem, change=change)


def _quantized(core: Any, network: Any, pictures: np.ndarray, file: Path) -> Any:
    small = quantized(network, pictures)
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "model.xml"
        openvino_runtime().save_model(small, xml, compress_to_fp16=False)
        parts = {name: (xml.parent / name).read_bytes() for name in ("model.xml", "model.bin")}
    with contextlib.suppress(OSError):  # a store may be for reading only, or full
        _pack(parts, file)
    return core.read_model(parts["model.xml"], parts["model.bin"])


def _precisions() -> Mapping[str, str]:
    """Return what each low precision lacks on this processor."""
    able = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    int8 = "" if installed("nncf") else "pip install 'tlkit[int8]'"
    return {
        "bfloat16": "" if "BF16" in able else "a processor with AMX or AVX512-BF16",
        "int8": int8 if "INT8" in able else "a processor with int8 dot products (VNNI, AMX)",
    }


def _missing() -> str:
    return "" if installed("openvino") else "'tlkit[openvino]'"


@hookimpl
def tlkit_engines() -> list[EngineSpec]:
    """Return OpenVINO."""
    return [
        EngineSpec(
            name=OpenVinoEngine.name,
            make=OpenVinoEngine,
            missing=_missing,
            reads=(SUFFIX, ".onnx"),
            packages=("openvino",),
            precisions=_precisions,
            make_low=_made_low,
            low_packages=("nncf",),
            export_s=2.0,
        )
    ]
