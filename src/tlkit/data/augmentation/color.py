"""Random brightness, contrast, saturation and hue."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from tlkit.data.augmentation._checked import check_between
from tlkit.data.augmentation._one_by_one import one_by_one

# Luma of ITU-R BT.601, as in Pillow's conversion to grey and in torchvision.
_LUMA = np.array([0.299, 0.587, 0.114])
_GREY = np.tile(_LUMA, (3, 1))  # a colour to its grey


@dataclass(frozen=True, kw_only=True)
class ColorJitter:
    """Random changes of light and colour, with the settings of torchvision's ``ColorJitter``.

    A draw depends only on (seed, stage, epoch, index of the image). With ``x`` a pixel's colour,
    ``g(x)`` its grey of ITU-R BT.601 and ``m`` the mean of ``g`` over the image::

        brightness:  b x                     b in [1 - brightness, 1 + brightness]
        contrast:    c x + (1 - c) m         c in [1 - contrast, 1 + contrast]
        saturation:  s x + (1 - s) g(x)      s in [1 - saturation, 1 + saturation]
        hue:         h further on the colour wheel of HSV, in whole 255ths;  h in [-hue, hue] turns

    The first three give the same in any order, so each image gets one matrix of colours and is
    clipped to 0..255 once; the hue comes last. (torchvision draws an order and clips after each.)

    Args:
        brightness: Largest change of brightness, 0..1.
        contrast: Largest change of contrast, 0..1.
        saturation: Largest change of saturation, 0..1; nothing to pictures in grey.
        hue: Largest change of hue in turns of the colour wheel, 0..0.5. None by default: where
            colour tells the class, another hue is another class.

    Raises:
        DataError: A value is out of range; the message names it.

    Example:
        >>> ColorJitter(hue=0.05)
        ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05)
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0

    def __post_init__(self) -> None:
        for part in fields(self):
            high, unit = (0.5, "turns") if part.name == "hue" else (1, "a share")
            meaning = f"{unit} from 0 to {high}"
            check_between(getattr(self, part.name), 0, high, f"ColorJitter {part.name}", meaning)

    def __call__(
        self, images: ArrayLike, indices: ArrayLike, *, seed: int, stage: str, epoch: int
    ) -> NDArray[np.float32]:
        """Draw and apply the changes of some images.

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
            >>> images = np.full((2, 8, 8, 3), 100, np.uint8)
            >>> lighter = ColorJitter()(images, [5, 9], seed=0, stage="warm", epoch=0)
            >>> lighter.shape, lighter.dtype
            ((2, 8, 8, 3), dtype('float32'))
        """
        return one_by_one(self._jittered, images, indices, f"colours of {stage}", seed, epoch)

    def _jittered(
        self, image: NDArray[np.number], generator: np.random.Generator
    ) -> NDArray[np.number]:
        spread = 2 * generator.random(4) - 1
        brightness = 1 + self.brightness * spread[0]
        contrast = 1 + self.contrast * spread[1]
        saturation = 1 + self.saturation * spread[2]
        matrix = saturation * np.eye(3) + (1 - saturation) * _GREY
        pixels = image.reshape(-1, 3).astype(np.float32)
        mean = float(pixels.mean(0, dtype=np.float64) @ _LUMA)
        pixels = pixels @ (brightness * contrast * matrix.T).astype(np.float32)
        pixels += np.float32(brightness * (1 - contrast) * mean)
        np.clip(pixels, 0, 255, out=pixels)
        changed = _turned(pixels, self.hue * spread[3]) if self.hue else pixels
        return changed.reshape(image.shape)


def _turned(pixels: NDArray[np.float32], turns: float) -> NDArray[np.uint8]:
    """Return colours ``(n, 3)``, 0..255, with another hue, by Pillow as torchvision does."""
    whole = np.rint(pixels).astype(np.uint8)
    wheel = np.array(Image.fromarray(whole[None]).convert("HSV"))
    wheel[..., 0] += np.uint8(round(turns * 255) % 256)  # goes around
    turned = Image.frombytes("HSV", (len(whole), 1), wheel.tobytes())
    changed: NDArray[np.uint8] = np.asarray(turned.convert("RGB"))[0]
    return changed
