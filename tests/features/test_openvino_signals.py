"""Ctrl-C reaches the person after OpenVINO has run, whatever of it has ended and in which order."""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.features.test_engine import skip_where_it_cannot_run
from tlkit.features.engines.engine import installed
from tlkit.features.engines.openvino import OpenVinoEngine
from tlkit.features.engines.openvino_runtime import _SignalStack, openvino_core
from tlkit.features.engines.precision import lacking
from tlkit.features.engines.registry import installed_engines
from tlkit.inference._formats import openvino as exporting
from tlkit.inference.contract import ModelContract

PICTURES = np.random.default_rng(0).integers(0, 255, (8, 16, 16, 3), "uint8")


@pytest.fixture(scope="module", autouse=True)
def trunk() -> Any:
    skip_where_it_cannot_run("openvino")
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(8, 3), layers.GlobalAveragePooling2D()]
    )


@pytest.fixture(autouse=True)
def as_in_a_program() -> Iterator[None]:
    """The processes that run these tests ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def signal_stack() -> tuple[Any, ...]:
    """Where this thread's signal handlers run."""
    found = _SignalStack()
    if sys.platform == "linux":
        ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found.start, found.flags, found.bytes


def engine(trunk: Any, stem: Path) -> Any:
    return OpenVinoEngine(trunk, stem)


def low(precision: str) -> Callable[[Any, Path], Any]:
    def make(trunk: Any, stem: Path) -> Any:
        spec = installed_engines().get("openvino")
        if lack := lacking(spec)[precision]:
            pytest.skip(f"it needs {lack}")
        assert spec.make_low
        return spec.make_low(trunk, stem, precision, stem, lambda: PICTURES)

    return make


def exported(trunk: Any, stem: Path) -> Any:
    path, contract = stem.with_suffix(".xml"), ModelContract(("a", "b"), (16, 16))
    if installed("nncf"):
        exporting.quantize(trunk, path, contract, PICTURES, lambda _: None)
    else:
        exporting.write(trunk, path, contract)
    return exporting.reader(path)


WAYS = {"float32": engine, "bfloat16": low("bfloat16"), "int8": low("int8"), "export": exported}


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_after_networks_that_end_in_the_order_in_which_they_began(
    way: str, trunk: Any, tmp_path: Path
) -> None:
    before = signal_stack()
    made = [WAYS[way](trunk, tmp_path / str(place)) for place in range(2)]
    while made:
        made.pop(0)
        gc.collect()
    assert signal_stack() == before
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_after_a_core_of_somebody_else(trunk: Any, tmp_path: Path) -> None:
    import openvino

    before = signal_stack()
    theirs = openvino.Core()
    theirs.get_property("CPU", "FULL_DEVICE_NAME")
    openvino_core.cache_clear()  # as if ours began after theirs
    ours = engine(trunk, tmp_path / "ours")
    del theirs
    gc.collect()
    del ours
    gc.collect()
    assert signal_stack() == before
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
