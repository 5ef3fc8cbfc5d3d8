"""LiteRT (TensorFlow Lite): a label file lies beside it, a class name on each line."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.features.engines.exporting import write_export
from tlkit.inference.contract import ModelContract


def write(model: Model, path: Path, contract: ModelContract) -> None:
    """Write a model as ``.tflite``, its labels as ``.txt``."""
    write_export(write_network, model, path)
    path.with_suffix(".txt").write_text("\n".join(contract.class_names) + "\n", "utf-8")


def write_network(model: Model, path: Path) -> None:
    """Write a model of TensorFlow as ``.tflite``."""
    model.export(path, format="litert", verbose=False)


def run(path: Path, images: NDArray[Any]) -> NDArray[Any]:
    """Run it, one picture at a time as devices do."""
    interpreter = _interpreter(path)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(taken["index"], (1, *images.shape[1:]))
    interpreter.allocate_tensors()
    rows = []
    for image in images:
        interpreter.set_tensor(taken["index"], image[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(given["index"])[0])
    return np.stack(rows)


def _interpreter(path: Path) -> Any:
    if find_spec("ai_edge_litert"):
        return import_module("ai_edge_litert.interpreter").Interpreter(str(path))
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "\\s*Warning: tf.lite.Interpreter", UserWarning)
        return tf.lite.Interpreter(str(path))
