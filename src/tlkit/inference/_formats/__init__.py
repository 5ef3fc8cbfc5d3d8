"""File formats for other programs: how a model is written in each, and run again to compare.

A new format is a module with ``write`` and ``run``, and a line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.inference._formats import litert, onnx, openvino, saved_model
from tlkit.inference.contract import ModelContract


@dataclass(frozen=True)
class Format:
    """A format.

    Args:
        suffix: How the file's name ends; empty for a folder.
        write: ``write(model, path, contract)``; the path does not exist yet. Files that belong to
            it go beside it, named as it is but for their suffix.
        run: ``run(path, images)`` gives the output for images ``(n, h, w, 3)``, float32.
        beside: Suffixes of those files.
        needs: Modules that must be there, and what installs them.
    """

    suffix: str
    write: Callable[[Model, Path, ModelContract], None]
    run: Callable[[Path, NDArray[Any]], NDArray[Any]]
    beside: tuple[str, ...] = ()
    needs: tuple[tuple[str, ...], str] = ((), "")


FORMATS: Mapping[str, Format] = {
    "onnx": Format(
        ".onnx", onnx.write, onnx.run, needs=(("onnx", "onnxruntime", "tf2onnx"), "'tlkit[onnx]'")
    ),
    "openvino": Format(
        ".xml",
        openvino.write,
        openvino.run,
        beside=(".bin",),
        needs=(("openvino",), "'tlkit[openvino]'"),
    ),
    "litert": Format(
        ".tflite", litert.write, litert.run, beside=(".txt",), needs=(("tensorflow",), "tensorflow")
    ),
    "saved_model": Format(
        "", saved_model.write, saved_model.run, needs=(("tensorflow",), "tensorflow")
    ),
}
