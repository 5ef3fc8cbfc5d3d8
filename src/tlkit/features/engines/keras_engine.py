"""The Keras engine, which is always there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tlkit._plugins.hooks import hookimpl
from tlkit.features.engines.engine import EngineSpec

BATCH = 32
PAD_TO = 8


class KerasEngine:
    """The trunk run by Keras itself; always there.

    Args:
        trunk: A built keras.Model.
    """

    name = "keras"

    def __init__(self, trunk: Any) -> None:
        self._trunk = trunk

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images, in batches of a few sizes."""
        chunks = [self._run_chunk(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
        return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)

    def _run_chunk(self, images: np.ndarray) -> np.ndarray:
        # Few shapes, since each is compiled, and little work for nothing.
        full_size = -(-len(images) // PAD_TO) * PAD_TO
        padding = [(0, full_size - len(images))] + [(0, 0)] * (images.ndim - 1)
        full = np.pad(images, padding).astype("float32", copy=False)
        output: np.ndarray = np.asarray(self._trunk.predict_on_batch(full), "float32")
        return output[: len(images)]


def _made(trunk: Any, stem: Path) -> KerasEngine:  # noqa: ARG001 - Keras keeps no file
    return KerasEngine(trunk)


@hookimpl
def tlkit_engines() -> list[EngineSpec]:
    """Keras itself."""
    packages = ("keras", "tensorflow", "jax", "torch")
    return [EngineSpec(name=KerasEngine.name, make=_made, packages=packages)]
