"""A data set with its pixels at the size of a model."""

from __future__ import annotations

from tlkit.data.batches import PixelCache
from tlkit.data.labelled_images import LabelledImages


class Images:
    """A data set with its pixels at the model's size.

    Args:
        dataset: The images and their labels.
        size: (height, width) in pixels.
    """

    def __init__(self, dataset: LabelledImages, size: tuple[int, int]) -> None:
        self.dataset = dataset
        self.pixels = PixelCache(dataset, size)
        self.labels = dataset.labels

    def __len__(self) -> int:
        return len(self.dataset)
