"""OpenVINO: names and the contract are in the ``rt_info`` of the ``.xml``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.features.engines.exporting import write_export
from tlkit.features.engines.openvino import SETTINGS, openvino_runtime, write_network
from tlkit.inference.contract import ModelContract


def write(model: Model, path: Path, contract: ModelContract) -> None:
    """Write a model for OpenVINO, as ``.xml`` and ``.bin``."""
    openvino = openvino_runtime()
    plain = path.with_name(f"plain-{path.name}")
    write_export(write_network, model, plain)
    network = openvino.Core().read_model(plain)
    network.set_rt_info(contract.to_json(), ["tlkit", "contract"])
    network.set_rt_info(json.dumps(contract.class_names), ["tlkit", "class_names"])
    openvino.save_model(network, path, compress_to_fp16=False)
    for part in (plain, plain.with_suffix(".bin")):
        part.unlink()


def run(path: Path, images: NDArray[Any]) -> NDArray[Any]:
    """Run it by OpenVINO in float32."""
    compiled = openvino_runtime().Core().compile_model(path, "CPU", SETTINGS)
    return np.concatenate([np.asarray(compiled(image[None])[0]) for image in images])
