"""OpenVINO: names and the contract are in the ``rt_info`` of the ``.xml``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.features.engines.exporting import write_export
from tlkit.features.engines.on_jax import write_openvino
from tlkit.features.engines.openvino import SETTINGS
from tlkit.features.engines.openvino_network import write_network
from tlkit.features.engines.openvino_runtime import openvino_core, openvino_runtime
from tlkit.features.engines.quantizing import quantized
from tlkit.inference.contract import ModelContract


def write(model: Model, path: Path, contract: ModelContract) -> None:
    """Write a model for OpenVINO, as ``.xml`` and ``.bin``."""
    _save(_network(model, path), path, contract)


def quantize(
    model: Model,
    path: Path,
    contract: ModelContract,
    pictures: NDArray[np.uint8],
    show: Callable[[float], None],
) -> None:
    """Write it with int8 inside, by NNCF; it takes and gives float32 as before."""
    network = _network(model, path)
    small = quantized(network, pictures, show)
    _save(small, path, contract)


def reader(path: Path) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what OpenVINO makes of images, in float32 but for what is int8."""
    compiled = openvino_core().compile_model(path, "CPU", SETTINGS)
    return lambda images: np.concatenate([np.asarray(compiled(x[None])[0]) for x in images])


def _network(model: Model, path: Path) -> Any:
    plain = path.with_name(f"plain-{path.name}")
    write_export(write_network, model, plain, on_jax=write_openvino)
    network = openvino_core().read_model(plain)
    return network


def _save(network: Any, path: Path, contract: ModelContract) -> None:
    network.set_rt_info(contract.to_json(), ["tlkit", "contract"])
    network.set_rt_info(json.dumps(contract.class_names), ["tlkit", "class_names"])
    openvino_runtime().save_model(network, path, compress_to_fp16=False)
