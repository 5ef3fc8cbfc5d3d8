"""Images with classes that are given as pixels or as what other libraries hold, not as files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from numpy.typing import ArrayLike

from tlkit.data._splittable_images import SplittableImages
from tlkit.data.decoding.fitting import SQUASH, Fit
from tlkit.data.sources._arrays import Labels, read_arrays


class GivenImages(SplittableImages):
    """Images with labels that need not lie in files; see `LabelledImages` for what makes one."""

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike,
        labels: Labels,
        class_names: Sequence[str] | None = None,
        *,
        fit: Fit = SQUASH,
    ) -> Self:
        """Take images from an array, which is not copied.

        Args:
            images: Array of shape (n, h, w, 3), uint8, 0..255, RGB, not preprocessed.
            labels: n class names or whole numbers. With ``class_names``, numbers are positions
                in that list, unless classes are called by such numbers; without, the sorted
                distinct labels become the classes.
            class_names: The classes in order, where labels alone do not tell.
            fit: How images of another shape come to a model's, as for `from_directory`.

        Returns:
            The dataset.

        Raises:
            DataError: Wrong type, range, shape or length; fewer than two classes; a label that is
                not among ``class_names``, or a number that might be a name or a position.

        Example:
            >>> import numpy as np
            >>> from tlkit import ImageDataset
            >>> images = np.zeros((2, 8, 8, 3), np.uint8)
            >>> ImageDataset.from_arrays(images, [1, 0], ["cat", "dog"]).labels
            array([1, 0])
        """
        return cls(*read_arrays(images, labels, class_names), fit=fit)
