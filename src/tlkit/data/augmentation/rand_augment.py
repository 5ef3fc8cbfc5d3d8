"""RandAugment: some of fourteen changes by chance, all of one magnitude."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageEnhance, ImageOps

from tlkit._numbers import is_whole
from tlkit.data.augmentation._checked import check_between
from tlkit.data.augmentation._one_by_one import one_by_one
from tlkit.errors import DataError

Picture = Image.Image
_LARGEST = 30
_GREY = (128, 128, 128)  # what lies outside, as in the paper's code


def _moved(picture: Picture, *matrix: float) -> Picture:
    """Show at (x, y) what is at (a x + b y + c, d x + e y + f)."""
    how = Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    return picture.transform(picture.size, *how, fillcolor=_GREY)


def _enhanced(
    kind: Callable[[Picture], ImageEnhance._Enhance],
) -> Callable[[Picture, float], Picture]:
    return lambda picture, level: kind(picture).enhance(1 + 0.9 * level)


# What each makes of a picture at a level of 0 to 1, or of -1 to 1 where it has two directions.
_CHANGES: tuple[Callable[[Picture, float], Picture], ...] = (
    lambda picture, _: picture,
    lambda picture, level: _moved(picture, 1, 0.3 * level, 0, 0, 1, 0),
    lambda picture, level: _moved(picture, 1, 0, 0, 0.3 * level, 1, 0),
    lambda picture, level: _moved(picture, 1, 0, 150 / 331 * level * picture.width, 0, 1, 0),
    lambda picture, level: _moved(picture, 1, 0, 0, 0, 1, 150 / 331 * level * picture.height),
    lambda picture, level: picture.rotate(30 * level, Image.Resampling.BILINEAR, fillcolor=_GREY),
    _enhanced(ImageEnhance.Brightness),
    _enhanced(ImageEnhance.Color),
    _enhanced(ImageEnhance.Contrast),
    _enhanced(ImageEnhance.Sharpness),
    lambda picture, level: ImageOps.posterize(picture, 8 - round(4 * abs(level))),
    lambda picture, level: ImageOps.solarize(picture, ceil(255 * (1 - abs(level)))),
    lambda picture, _: ImageOps.autocontrast(picture),
    lambda picture, _: ImageOps.equalize(picture),
)


@dataclass(frozen=True, kw_only=True)
class RandAugment:
    """A few changes of each image by chance, all of one magnitude (Cubuk 2019, arXiv 1909.13719).

    The fourteen changes and what a magnitude means to each are torchvision's ``RandAugment``:
    identity, shears to 0.3, shifts to 0.45 of a side, rotation to 30 degrees, brightness, colour,
    contrast and sharpness to 0.9, posterize to 4 bits, solarize, autocontrast, equalize. A draw
    depends only on (seed, stage, epoch, index of the image); Pillow makes the changes. It turns and
    shifts: pictures whose class depends on where or how something stands are no pictures for it.

    ``keras.layers.RandAugment`` does all changes to every image and throws most away, turns and
    shifts to one side only, and by half a turn at its default strength.

    Args:
        num_ops: How many changes, one after the other; the same may come twice.
        magnitude: How strong, 0..30: 30 is the whole range above.

    Raises:
        DataError: A value is out of range; the message names it.

    Example:
        >>> RandAugment(magnitude=5)
        RandAugment(num_ops=2, magnitude=5)
    """

    num_ops: int = 2
    magnitude: float = 9

    def __post_init__(self) -> None:
        if not is_whole(self.num_ops, 1):
            raise DataError(
                f"RandAugment num_ops={self.num_ops!r}; expected a whole number, at least 1."
            )
        meaning = f"a number from 0 to {_LARGEST}"
        check_between(self.magnitude, 0, _LARGEST, "RandAugment magnitude", meaning)

    def __call__(
        self, images: ArrayLike, indices: ArrayLike, *, seed: int, stage: str, epoch: int
    ) -> NDArray[np.float32]:
        """Draw and apply the changes of some images.

        Args:
            images: Array of shape (n, h, w, 3), uint8 or float, 0..255; rounded to whole numbers.
            indices: Index of each image in its dataset, (n,).
            seed: The run's seed; any integer.
            stage: The stage's name.
            epoch: Epoch, from 0.

        Returns:
            Array of shape (n, h, w, 3), float32, 0..255.

        Raises:
            DataError: Shapes do not fit together.

        Example:
            >>> images = np.zeros((2, 8, 8, 3), np.uint8)
            >>> RandAugment()(images, [5, 9], seed=0, stage="warm", epoch=0).shape
            (2, 8, 8, 3)
        """
        return one_by_one(self._changed, images, indices, f"changes of {stage}", seed, epoch)

    def _changed(
        self, image: NDArray[np.number], generator: np.random.Generator
    ) -> NDArray[np.number]:
        whole = image if image.dtype == np.uint8 else np.rint(image).clip(0, 255)
        picture = Image.fromarray(whole.astype(np.uint8))
        for which, sign in generator.random((int(self.num_ops), 2)):
            level = self.magnitude / _LARGEST * (1 if sign < 0.5 else -1)
            picture = _CHANGES[int(which * len(_CHANGES))](picture, level)
        return np.asarray(picture)
