"""Random rectangles of noise over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.data.augmentation._checked import Range, check_between, checked_range
from tlkit.data.augmentation._one_by_one import one_by_one
from tlkit.data.augmentation._windows import DRAWS, windows


@dataclass(frozen=True, kw_only=True)
class RandomErasing:
    """A rectangle of noise over a part of the images (Zhong 2017, arXiv 1708.04896).

    A model learns not to count on one detail. A draw depends only on (seed, stage, epoch, index of
    the image). Each pixel and channel of the rectangle is drawn by itself, from 0 to 255.

    Args:
        probability: Of an image to get a rectangle, 0..1.
        area: Smallest and largest share of the image's area, above 0 to 1.
        aspect: Smallest and largest width to height, as multiples of the image's own; drawn evenly
            in its logarithm.

    Raises:
        DataError: A value is out of range; the message names it.

    Example:
        >>> RandomErasing(probability=0.25)
        RandomErasing(probability=0.25, area=(0.02, 0.33), aspect=(0.3, 3.3))
    """

    probability: float = 0.5
    area: Range = (0.02, 0.33)
    aspect: Range = (0.3, 3.3)

    def __post_init__(self) -> None:
        meaning = "a probability from 0 to 1"
        check_between(self.probability, 0, 1, "RandomErasing probability", meaning)
        meaning = "two shares of the image's area, above 0 to 1, such as (0.02, 0.33)"
        area = checked_range(self.area, 0, 1, "RandomErasing area", meaning)
        meaning = "two ratios of width to height above 0, such as (0.3, 3.3)"
        aspect = checked_range(self.aspect, 0, 100, "RandomErasing aspect", meaning)
        object.__setattr__(self, "area", area)
        object.__setattr__(self, "aspect", aspect)

    def __call__(
        self, images: ArrayLike, indices: ArrayLike, *, seed: int, stage: str, epoch: int
    ) -> NDArray[np.float32]:
        """Draw and apply the rectangles of some images.

        Args:
            images: Array of shape (n, h, w, 3), uint8 or float, 0..255.
            indices: Index of each image in its dataset, (n,).
            seed: The run's seed; any integer.
            stage: The stage's name.
            epoch: Epoch, from 0.

        Returns:
            Array of shape (n, h, w, 3), float32, 0..255.

        Raises:
            DataError: Shapes do not fit together.

        Example:
            >>> images = np.zeros((1, 32, 32, 3), np.uint8)
            >>> erase = RandomErasing(probability=1, area=(0.25, 0.25), aspect=(1, 1))
            >>> int((erase(images, [5], seed=0, stage="warm", epoch=0).max(-1) > 0).sum())
            256
        """
        return one_by_one(self._erased, images, indices, f"erasing of {stage}", seed, epoch)

    def _erased(
        self, image: NDArray[np.number], generator: np.random.Generator
    ) -> NDArray[np.number]:
        if generator.random() >= self.probability:
            return image
        sides, moved, inside = windows(generator.random((1, DRAWS)), self.area, self.aspect)
        if not inside[0]:
            return image
        size = np.array(image.shape[:2])
        height, width = np.maximum(1, np.rint(sides[0] * size)).astype(int)
        top, left = np.rint((0.5 + moved[0] - sides[0] / 2) * size).astype(int)
        top, left = min(top, size[0] - height), min(left, size[1] - width)
        erased = image.astype(np.float32)
        noise = generator.integers(0, 256, (height, width, image.shape[2]), np.uint8)
        erased[top : top + height, left : left + width] = noise
        return erased
