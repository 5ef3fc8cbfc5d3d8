"""A network for OpenVINO with int8 inside, made by NNCF, from the extra ``tlkit[int8]``."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.features.engines.openvino_runtime import (
    openvino_runtime,
    signal_stack_kept,
    without_telemetry,
)


def quantized(
    network: Any,
    pictures: NDArray[np.uint8],
    show: Callable[[float], None] = lambda _: None,
) -> Any:
    """Return a network with int8 inside; it takes and gives float32 as before.

    Args:
        network: For OpenVINO, from images to outputs; left with batches of any size.
        pictures: Activations are taken to be as large as those of these, (n, h, w, 3), uint8.
        show: Called with the share of the pictures that it has seen, 0..1.
    """
    nncf = _nncf()
    network.reshape([-1, *pictures.shape[1:]])
    seen = 0

    def taken(picture: NDArray[np.uint8]) -> NDArray[Any]:
        nonlocal seen
        seen += 1
        show(min(1.0, seen / len(pictures)))  # it looks at the first ones twice
        return picture[None].astype("float32")

    given = nncf.Dataset(list(pictures), taken)
    # Its progress bars; and its networks have cores of their own.
    with contextlib.redirect_stdout(io.StringIO()), signal_stack_kept():
        return nncf.quantize(network, given, subset_size=len(pictures), **_settings(nncf))


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
