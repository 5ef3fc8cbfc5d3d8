"""OpenVINO itself, imported without its telemetry."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
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
