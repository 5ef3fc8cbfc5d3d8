"""Images that are changed one by one, each by draws of its own, in threads where that pays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit._seeds import stream
from tlkit._threads import in_threads, usable_cores
from tlkit.errors import DataError

# NumPy takes Python's lock again after each step, so that threads wait for each other where steps
# are short: below this many pixels in an image they cost twice the processor time and are slower.
# Above it they are faster where nothing else runs, for up to half as much processor time again,
# which the frozen part and the trained part need where there are no more cores than this.
_LARGE, _SPARE = 2**16, 2
# An image (h, w, 3), 0..255, and its random numbers; the image that becomes of it.
Change = Callable[[NDArray[np.number], np.random.Generator], NDArray[np.number]]


def one_by_one(
    change: Change, images: ArrayLike, indices: ArrayLike, purpose: str, seed: int, epoch: int
) -> NDArray[np.float32]:
    """Change each image by itself.

    Args:
        change: Called with an image and a generator that follows from ``purpose``, ``seed``,
            ``epoch`` and the index of the image alone.
        images: Array of shape (n, h, w, 3), uint8 or float, 0..255.
        indices: Index of each image in its dataset, (n,).
        purpose: What is drawn, and for which stage.
        seed: The run's seed; any integer.
        epoch: Epoch, from 0.

    Returns:
        Array of shape (n, h, w, 3), float32.

    Raises:
        DataError: Shapes do not fit together.
    """
    pixels, numbers = np.asarray(images), np.asarray(indices).ravel()
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or len(numbers) != len(pixels):
        raise DataError(
            f"Received images of shape {pixels.shape} and {len(numbers)} indices; expected "
            "(n, h, w, 3) and n, one index per image."
        )
    changed = np.empty(pixels.shape, np.float32)

    def work(place: int) -> None:
        changed[place] = change(pixels[place], stream(seed, purpose, epoch, int(numbers[place])))

    for_each(pixels, work)
    return changed


def for_each(images: NDArray[np.number], work: Callable[[int], None]) -> None:
    """Call something with the place of each image (n, h, w, c), in threads where that pays."""
    height, width = images.shape[1:3]
    pays = height * width >= _LARGE and usable_cores() > _SPARE
    in_threads(work, range(len(images)), workers=None if pays else 1)
