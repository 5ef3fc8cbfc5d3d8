"""Images with classes that are parted: to train, to validate, to test."""

from __future__ import annotations

import warnings
from typing import Self

from tlkit.data._labelled_images import LabelledImages
from tlkit.data._splits import split_indices
from tlkit.data.duplicates import split_note


class SplittableImages(LabelledImages):
    """Images with labels that can be parted; see `LabelledImages` for what makes one."""

    def split(
        self, validation: float = 0.2, seed: int = 0, stratify: bool = True
    ) -> tuple[Self, Self]:
        """Part the images into training and validation.

        Args:
            validation: Fraction of the images for validation, between 0 and 1.
            seed: Any integer; the same seed gives the same split.
            stratify: Keep the classes' proportions, with each class on both sides.

        A warning tells of a picture that is on both sides: of files that a table lists twice, and
        after `check` of any that hold the same.

        Returns:
            Training and validation; together they hold every image once.

        Raises:
            SplitError: Not a fraction, one class only, or a class with one image (named).

        Example:
            >>> import numpy as np
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((10, 8, 8, 3), np.uint8), [0, 1] * 5)
            >>> [len(part) for part in data.split(validation=0.2)]
            [8, 2]
        """
        train, held_out = split_indices(
            self._labels, self.class_names, validation=validation, seed=seed, stratify=stratify
        )
        parts = self.subset(train), self.subset(held_out)
        note = split_note(*parts)
        if note is not None:
            warnings.warn(note, stacklevel=2)
        return parts
