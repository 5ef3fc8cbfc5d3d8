"""Rows of a shard that are compared with Keras before the shard is kept."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.features.engines.checked import CheckedEngine


class Sample:
    """Rows of a shard that are compared with Keras before it is kept: one anywhere, and the last.

    Args:
        rows: How many rows the shard has.
        chosen: What is in it, from which the one follows.
    """

    def __init__(self, rows: int, chosen: NDArray[np.intp]) -> None:
        anywhere = int.from_bytes(hashlib.sha256(chosen.tobytes()).digest()[:8], "little") % rows
        self._wanted = sorted({anywhere, rows - 1})
        self._images: list[NDArray[Any]] = []
        self._rows: list[NDArray[Any]] = []
        self._largest: list[NDArray[Any]] = []

    def take(self, part: slice, images: NDArray[Any], output: NDArray[Any]) -> None:
        """Take what is wanted of a batch."""
        self._largest.append(np.abs(output).reshape(len(output), -1).max(axis=1))
        for row in self._wanted:
            if part.start <= row < part.stop:
                self._images.append(images[row - part.start].copy())
                self._rows.append(output[row - part.start].copy())

    def compare(self, engine: CheckedEngine) -> None:
        """Raise where they are not what Keras gives."""
        scale = float(np.median(np.concatenate(self._largest)))
        engine.compare(np.stack(self._images), np.stack(self._rows), scale)
