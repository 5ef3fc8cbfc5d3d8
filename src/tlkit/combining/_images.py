"""Images that several models look at one after the other, each read once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.data.batches import PixelCache
from tlkit.data.decoding.decode import Size, as_size
from tlkit.data.labelled_images import LabelledImages


class RememberedImages:
    """A data set that keeps the pixels that it has read, where memory holds them.

    Args:
        dataset: Any labelled images.
    """

    def __init__(self, dataset: LabelledImages) -> None:
        self._dataset = dataset
        self._pixels: dict[tuple[int, int], PixelCache] = {}

    @property
    def labels(self) -> NDArray[np.int64]:
        """As in the data set."""
        return self._dataset.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """As in the data set."""
        return self._dataset.class_names

    @property
    def names(self) -> Sequence[str]:
        """As in the data set."""
        return self._dataset.names

    def __len__(self) -> int:
        return len(self._dataset)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)  # digests, and how pictures come to a size

    def load(self, indices: NDArray[np.int64], size: Size, /) -> NDArray[np.uint8]:
        """Return pixels (n, height, width, 3) of some images."""
        known = self._pixels.setdefault(as_size(size), PixelCache(self._dataset, size))
        return known[indices]
