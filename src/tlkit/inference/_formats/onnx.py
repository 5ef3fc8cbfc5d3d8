"""ONNX: class names as a JSON list in the metadata ``class_names``, the contract in ``tlkit``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.features.engines.exporting import write_export
from tlkit.features.engines.on_jax import write_onnx
from tlkit.features.engines.onnx import write_network
from tlkit.inference.contract import ModelContract


def write(model: Model, path: Path, contract: ModelContract) -> None:
    """Write a model as ONNX."""
    import onnx

    write_export(write_network, model, path, on_jax=write_onnx)
    network = onnx.load(path)
    told = {"class_names": json.dumps(contract.class_names), "tlkit": contract.to_json()}
    for key, text in told.items():
        entry = network.metadata_props.add()
        entry.key, entry.value = key, text
    onnx.save(network, path)


def reader(path: Path) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what ONNX Runtime makes of images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: np.asarray(session.run(None, {name: images})[0])
