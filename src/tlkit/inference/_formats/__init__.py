"""File formats for other programs: how a model is written in each, and run again to compare.

A new format is a module with ``write`` and ``reader``, and a line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.inference._formats import litert, onnx, openvino, saved_model
from tlkit.inference.contract import ModelContract

Runner = Callable[[NDArray[Any]], NDArray[Any]]
Quantizer = Callable[[Model, Path, ModelContract, NDArray[np.uint8], Callable[[float], None]], None]


@dataclass(frozen=True)
class Format:
    """A format.

    Args:
        suffix: How the file's name ends; empty for a folder.
        write: ``write(model, path, contract)``; the path does not exist yet. Files that belong to
            it go beside it, named as it is but for their suffix.
        reader: ``reader(path)`` gives a function from images ``(n, h, w, 3)``, float32, to outputs.
        beside: Suffixes of those files.
        needs: Modules that must be there, and what installs them.
        quantize: ``quantize(model, path, contract, pictures, show)`` writes it with int8 inside,
            for activations as large as those of the pictures, (n, h, w, 3), uint8, and calls
            ``show`` with the share of them that it has seen; None where it cannot.
        quantize_needs: As ``needs``, for that.
    """

    suffix: str
    write: Callable[[Model, Path, ModelContract], None]
    reader: Callable[[Path], Runner]
    beside: tuple[str, ...] = ()
    needs: tuple[tuple[str, ...], str] = ((), "")
    quantize: Quantizer | None = None
    quantize_needs: tuple[tuple[str, ...], str] = ((), "")


FORMATS: Mapping[str, Format] = {
    "onnx": Format(
        ".onnx",
        onnx.write,
        onnx.reader,
        needs=(("onnx", "onnxruntime", "tf2onnx"), "'tlkit[onnx]'"),
    ),
    "openvino": Format(
        ".xml",
        openvino.write,
        openvino.reader,
        beside=(".bin",),
        needs=(("openvino",), "'tlkit[openvino]'"),
        quantize=openvino.quantize,
        quantize_needs=(("openvino", "nncf"), "'tlkit[int8]'"),
    ),
    "litert": Format(
        ".tflite",
        litert.write,
        litert.reader,
        beside=(".txt",),
        needs=(("tensorflow",), "tensorflow"),
        quantize=litert.quantize,
        quantize_needs=(("tensorflow",), "tensorflow"),
    ),
    "saved_model": Format(
        "", saved_model.write, saved_model.reader, needs=(("tensorflow",), "tensorflow")
    ),
}
