"""OpenVINO itself: imported without its telemetry, and kept from breaking what signals need."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from tlkit.errors import EngineError


def openvino_runtime() -> Any:
    """Import OpenVINO, without its telemetry.

    Raises:
        EngineError: It is not installed.
    """
    try:
        with without_telemetry():
            import openvino
    except ImportError as error:
        raise EngineError(
            "engine='openvino' needs OpenVINO. Install it with: pip install 'tlkit[openvino]'"
        ) from error
    return openvino


@cache
def openvino_core() -> Any:
    """Return OpenVINO's core, one for all networks of this process, with the CPU's part loaded.

    Raises:
        EngineError: OpenVINO is not installed.
    """
    core = openvino_runtime().Core()
    with signal_stack_kept():
        core.get_property("CPU", "FULL_DEVICE_NAME")  # which loads it
    return core


@contextlib.contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Keep the stack on which this thread runs its signal handlers, as Python's for Ctrl-C is.

    Each core of OpenVINO that runs on a CPU sets a stack of its own for them (on Linux, for AMX),
    and frees it when it ends, even while it is in use: after two cores that end in the order in
    which they began, Ctrl-C is a segmentation fault. With the old one set again, none is in use.
    """
    if sys.platform != "linux":
        yield
        return
    system, before = ctypes.CDLL(None), _SignalStack()
    system.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        system.sigaltstack(ctypes.byref(before), None)


class _SignalStack(ctypes.Structure):
    """What ``sigaltstack(2)`` calls ``stack_t``."""

    _fields_ = (
        ("start", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("bytes", ctypes.c_size_t),
    )


@contextlib.contextmanager
def without_telemetry() -> Iterator[None]:
    """Keep OpenVINO from reporting its use to Google Analytics, as it does when imported.

    Where openvino-telemetry cannot be imported OpenVINO does without, and NNCF too; the package is
    hidden while they are imported, and only if nobody has imported it before.
    """
    package = "openvino_telemetry"
    hidden = package not in sys.modules
    if hidden:
        sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            sys.modules.pop(package, None)
