"""Test-time augmentation: an image as it is, and changed at random, asked about together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._numbers import is_whole
from tlkit.data.augmentation.transforms import (
    AugmentationLike,
    Transform,
    as_transform,
    transformed,
)
from tlkit.errors import EvaluationError

_STAGE = "test-time augmentation"  # names the stream of random numbers, as a stage's name does


@dataclass(frozen=True)
class Views:
    """How images are seen: as they are first, then changed.

    Args:
        transform: Makes the changed views; None for one view, the image as it is.
        count: Number of views in all.
        seed: Start of the random numbers.
    """

    transform: Transform | None = None
    count: int = 1
    seed: int = 0

    def of(self, images: NDArray[np.number], indices: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
        """Yield each view of some images (n, h, w, 3), 0..255; the first are the images themselves.

        Args:
            images: As the dataset gives them.
            indices: Their positions in the dataset, (n,).
        """
        yield images
        for view in range(1, self.count):
            assert self.transform is not None
            yield transformed(
                self.transform, images, indices, seed=self.seed, stage=_STAGE, epoch=view
            )


def views_of(augmentation: AugmentationLike, views: int | None, seed: int) -> Views:
    """Return the views that were asked for.

    Args:
        augmentation: What a stage takes as its augmentation, or None.
        views: Number of views in all, or None for 8.
        seed: Start of the random numbers.

    Raises:
        EvaluationError: If ``views`` is given without an augmentation, or is below 2.
        DataError: If the augmentation is none.
    """
    transform = as_transform(augmentation)
    if transform is None:
        if views not in (None, 1):
            raise EvaluationError(
                f"views={views!r} without an augmentation: all views would be the same. Give "
                "augmentation=tlkit.Augmentation(...), or leave views out."
            )
        return Views()
    count = 8 if views is None else views
    if not is_whole(count, 2):
        raise EvaluationError(
            f"views={views!r}: expected a whole number, 2 or more: the image as it is, and changed "
            "at least once. Leave the augmentation out to see each image once."
        )
    return Views(transform, count, seed)
