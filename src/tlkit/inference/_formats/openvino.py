"""OpenVINO: names and the contract are in the ``rt_info`` of the ``.xml``."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.features.engines.exporting import write_export
from tlkit.features.engines.openvino import (
    SETTINGS,
    openvino_runtime,
    without_telemetry,
    write_network,
)
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
    nncf = _nncf()
    network = _network(model, path)
    network.reshape([-1, *pictures.shape[1:]])
    seen = 0

    def taken(picture: NDArray[np.uint8]) -> NDArray[Any]:
        nonlocal seen
        seen += 1
        show(min(1.0, seen / len(pictures)))  # it looks at the first ones twice
        return picture[None].astype("float32")

    given = nncf.Dataset(list(pictures), taken)
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        small = nncf.quantize(network, given, subset_size=len(pictures), **_settings(nncf))
    _save(small, path, contract)


def reader(path: Path) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what OpenVINO makes of images, in float32 but for what is int8."""
    compiled = openvino_runtime().Core().compile_model(path, "CPU", SETTINGS)
    return lambda images: np.concatenate([np.asarray(compiled(x[None])[0]) for x in images])


def _network(model: Model, path: Path) -> Any:
    plain = path.with_name(f"plain-{path.name}")
    write_export(write_network, model, plain)
    network = openvino_runtime().Core().read_model(plain)
    return network


def _save(network: Any, path: Path, contract: ModelContract) -> None:
    network.set_rt_info(contract.to_json(), ["tlkit", "contract"])
    network.set_rt_info(json.dumps(contract.class_names), ["tlkit", "class_names"])
    openvino_runtime().save_model(network, path, compress_to_fp16=False)


def _settings(nncf: Any) -> dict[str, Any]:
    """Return settings that hold for all calibration pictures, on every processor.

    NNCF would take the mean of the pictures' extremes, by which half of them are clipped, unless
    told. Processors without int8 dot products (VNNI) add in 16 bits and saturate; it keeps weights
    from that in the first layer only, unless told to in all.
    """
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    advanced = nncf.AdvancedQuantizationParameters(
        overflow_fix=nncf.OverflowFix.ENABLE,
        activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
    )
    return {"preset": nncf.QuantizationPreset.MIXED, "advanced_parameters": advanced}


def _nncf() -> Any:
    """Import NNCF: no telemetry, no lines on standard output, other loggers as they were."""
    kind = logging.getLoggerClass()
    try:
        openvino_runtime()
        with without_telemetry():
            import nncf
    finally:
        logging.setLoggerClass(kind)
    nncf.set_log_level(logging.WARNING)
    return nncf
