"""Rows that an engine gave, kept to be compared with Keras later."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tlkit._seeds import stream


class Row(NamedTuple):
    """An image and what an engine gave for it."""

    image: np.ndarray
    output: np.ndarray


class Sample:
    """Rows that went by since the last comparison: one of the last batch, and one anywhere."""

    def __init__(self) -> None:
        self._random = stream(0, "rows compared with Keras")
        self.images = 0
        self._rows: dict[str, Row] = {}

    def take(self, images: np.ndarray, output: np.ndarray) -> None:
        """Take what is wanted of a batch."""
        count = len(output)
        self.images += count
        # Each row that went by is as likely to be the one anywhere.
        if self._random.random() < count / self.images:
            self._keep("anywhere", images, output, int(self._random.integers(count)))
        self._keep("late", images, output, int(self._random.integers(count)))

    def rows(self, *, both: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return images and what was given for them, and begin anew.

        Args:
            both: Whether not the late one alone.
        """
        chosen = list(self._rows.values()) if both else [self._rows["late"]]
        images, output = (np.stack(each) for each in zip(*chosen, strict=True))
        self.images = 0
        self._rows = {}
        return images, output

    def _keep(self, name: str, images: np.ndarray, output: np.ndarray, row: int) -> None:
        self._rows[name] = Row(images[row].copy(), output[row].copy())
