"""What this machine has: packages, Keras's backend, cores and memory."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from tlkit._threads import usable_cores
from tlkit.command._loading import without_build_notes
from tlkit.errors import TlkitError

# What tlkit runs on or can make use of; where a distribution has several names, the usual first.
_PACKAGES = (
    ("keras",),
    ("tensorflow", "tensorflow-cpu", "tf-nightly"),
    ("jax",),
    ("torch",),
    ("numpy",),
    ("scipy",),
    ("scikit-learn",),
    ("pillow",),
    ("onnxruntime", "onnxruntime-gpu"),
    ("onnx",),
    ("tf2onnx",),
    ("jax2onnx",),
    ("openvino",),
    ("jinja2",),
    ("matplotlib",),
    ("pandas",),
)


def machine_facts() -> dict[str, Any]:
    """Return the machine, Python, and the cores and bytes of memory that this process may use."""
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": platform.platform(),
        "cores": usable_cores(),
        "memory_bytes": _memory(),
    }


def package_versions() -> dict[str, str | None]:
    """Return the version of each package, None where it is not installed."""
    return {names[0]: _version(names) for names in _PACKAGES}


def keras_facts() -> dict[str, Any]:
    """Return which backend Keras uses, who says so, and its devices; or why Keras does not load."""
    named = os.environ.get("KERAS_BACKEND")
    facts: dict[str, Any] = {
        "backend": None,
        "chosen_by": f"KERAS_BACKEND={named}" if named else "keras.json or Keras's default",
        "devices": [],
        "error": None,
    }
    try:
        with without_build_notes():
            import keras

            facts["backend"] = keras.config.backend()
            facts["devices"] = list(keras.distribution.list_devices())
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it is what is asked for
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        facts["error"] = said.rstrip(".")
    return facts


def require_keras() -> None:
    """Raise where Keras does not load, whatever it says: a backend may be missing or misspelt.

    Raises:
        TlkitError: It does not.
    """
    facts = keras_facts()
    if facts["error"]:
        raise TlkitError(
            f"Keras does not load with {facts['chosen_by']}: {facts['error']}. Install what it "
            "names, or choose another backend with KERAS_BACKEND; `tlkit doctor` says what works "
            "on this machine."
        )


def _version(names: tuple[str, ...]) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _memory() -> int | None:
    """Return the bytes of memory of the machine; None where the system does not say so cheaply."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
