"""The images on which Keras and PyTorch are compared; made without either."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

PHOTOS = ("china.jpg", "flower.jpg")
ODD_SIZE = (101, 75)


def reference_images(size: int) -> dict[str, Pixels]:
    """Return the images for a network of that default size.

    Args:
        size: Side in pixels.

    Returns:
        RGB images by name, uint8, 0..255: the two sample photos of scikit-learn and seeded noise
        at ``(size, size, 3)``, and noise with odd sides, ``(101, 75, 3)``.
    """
    images = {name: squeezed_photo(name, size) for name in PHOTOS}
    return images | {"noise": _noise(size, size), "odd": _noise(*ODD_SIZE)}


def squeezed_photo(name: str, size: int) -> Pixels:
    """Return a whole photo, uint8 ``(size, size, 3)``; its proportions are lost."""
    return _resized(_photo(name), size)


def cropped_photo(name: str, size: int) -> Pixels:
    """Return the middle square of a photo, uint8 ``(size, size, 3)``."""
    photo = _photo(name)
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return _resized(photo.crop((left, top, left + side, top + side)), size)


def scaled(image: Pixels) -> NDArray[np.float32]:
    """Return a batch of one, float32 ``(1, h, w, 3)`` in [-1, 1]."""
    return np.asarray(image[None] / 127.5 - 1, np.float32)


def digest(image: Pixels) -> str:
    """Return the SHA-256 of the pixels."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def _photo(name: str) -> Image.Image:
    from sklearn.datasets import load_sample_image

    pixels: NDArray[Any] = load_sample_image(name)
    return Image.fromarray(pixels)


def _resized(photo: Image.Image, size: int) -> Pixels:
    return np.asarray(photo.resize((size, size), Image.Resampling.BILINEAR), np.uint8)


def _noise(height: int, width: int) -> Pixels:
    # RandomState and not default_rng: NumPy promises that its stream never changes.
    return np.random.RandomState(0).randint(0, 256, (height, width, 3), np.uint8)
