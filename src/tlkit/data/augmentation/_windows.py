"""Random windows of images by area and aspect: those of crops and of random erasing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tlkit.data.augmentation._checked import Range

_TRIES = 10
# How many numbers in [0, 1) make one window.
DRAWS = 2 * _TRIES + 2
Doubles = NDArray[np.float64]


def windows(
    draws: Doubles, area: Range, aspect: Range
) -> tuple[Doubles, Doubles, NDArray[np.bool]]:
    """Draw one window for each image: area even, aspect even in its logarithm, place even.

    Of ten windows drawn, the first that lies inside the image is taken, as in
    ``torchvision.transforms.RandomResizedCrop``.

    Args:
        draws: Random numbers, ``(n, DRAWS)``, in [0, 1).
        area: Smallest and largest share of the image.
        aspect: Smallest and largest width to height, of an image that is taken to be square.

    Returns:
        Sides ``(n, 2)``, height and width as shares of the image's; from the image's centre to the
        window's, ``(n, 2)``, in the same shares; whether one of the ten lay inside, ``(n,)``. Where
        none did, the window is the largest in the middle whose aspect is nearest to the image's.

    Example:
        >>> sides, moved, inside = windows(np.full((1, DRAWS), 0.5), (0.2, 0.3), (1, 1))
        >>> sides.tolist(), moved.tolist(), inside.tolist()
        ([[0.5, 0.5]], [[0.0, 0.0]], [True])
    """
    tried = draws[:, :-2].reshape(-1, _TRIES, 2)
    share = area[0] + (area[1] - area[0]) * tried[..., 0]
    low, high = np.log(aspect)
    ratio = np.exp(low + (high - low) * tried[..., 1])
    sides = np.sqrt(np.stack([share / ratio, share * ratio], -1))
    fits = (sides <= 1).all(-1)
    inside: NDArray[np.bool] = fits.any(-1)
    nearest = min(max(1.0, aspect[0]), aspect[1])
    largest = np.minimum(1, [1 / nearest, nearest])
    chosen = sides[np.arange(len(sides)), fits.argmax(-1)]
    chosen = np.where(inside[:, None], chosen, largest)
    return chosen, (draws[:, -2:] - 0.5) * (1 - chosen) * inside[:, None], inside
