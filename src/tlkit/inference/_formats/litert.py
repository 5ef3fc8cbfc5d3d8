"""LiteRT (TensorFlow Lite): a label file lies beside it, a class name on each line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.features.engines.engine import backend
from tlkit.features.engines.exporting import write_export
from tlkit.inference.contract import ModelContract


def write(model: Model, path: Path, contract: ModelContract) -> None:
    """Write a model as ``.tflite``, its labels as ``.txt``."""
    write_export(write_network, model, path)
    _write_labels(path, contract)


def write_network(model: Model, path: Path) -> None:
    """Write a model of TensorFlow as ``.tflite``."""
    model.export(path, format="litert", verbose=False)


def quantize(
    model: Model,
    path: Path,
    contract: ModelContract,
    pictures: NDArray[np.uint8],
    show: Callable[[float], None],
) -> None:
    """Write it with int8 inside, by TensorFlow's converter; it takes and gives float32 as before.

    Beside another backend it is written by a process of its own, which shows nothing.

    Raises:
        Exception: TensorFlow's own, where the model holds an operation that has no int8 form.
    """
    if backend() == "tensorflow":
        _write_int8(model, path, pictures, show)
    else:
        given = path.with_suffix(".npy")
        np.save(given, pictures)
        write_export(write_int8_network, model, path)
        given.unlink()
    _write_labels(path, contract)


def write_int8_network(model: Model, path: Path) -> None:
    """Write a model of TensorFlow, whose calibration pictures lie beside it as ``.npy``."""
    _write_int8(model, path, np.load(path.with_suffix(".npy")), lambda _: None)


def _write_int8(
    model: Model, path: Path, pictures: NDArray[np.uint8], show: Callable[[float], None]
) -> None:
    import tensorflow as tf

    def given() -> Iterator[list[NDArray[Any]]]:
        for number, picture in enumerate(pictures, 1):
            yield [picture[None].astype("float32")]
            show(number / len(pictures))

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs", UserWarning)
        model.export(
            path,
            format="litert",
            verbose=False,
            experimental_enable_resource_variables=False,  # calibration knows constants only
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=given,
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        )


def reader(path: Path) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what LiteRT makes of images, one at a time as on devices."""
    interpreter = _interpreter(path)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    size: tuple[int, ...] = ()

    def alone(image: NDArray[Any]) -> NDArray[Any]:
        nonlocal size
        if image.shape != size:
            size = image.shape
            interpreter.resize_tensor_input(taken["index"], (1, *size))
            interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], image[None])
        interpreter.invoke()
        row: NDArray[Any] = interpreter.get_tensor(given["index"])[0]
        return row

    return lambda images: np.stack(list(map(alone, images)))


def _write_labels(path: Path, contract: ModelContract) -> None:
    path.with_suffix(".txt").write_text("\n".join(contract.class_names) + "\n", "utf-8")


def _interpreter(path: Path) -> Any:
    if find_spec("ai_edge_litert"):
        return import_module("ai_edge_litert.interpreter").Interpreter(str(path))
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "\\s*Warning: tf.lite.Interpreter", UserWarning)
        return tf.lite.Interpreter(str(path))
