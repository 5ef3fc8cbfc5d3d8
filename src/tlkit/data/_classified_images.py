"""Images of a store with one class each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tlkit.data._positions import as_position
from tlkit.data.class_names import numbered_as
from tlkit.data.decoding.decode import Pixels
from tlkit.data.duplicates import Duplicate, find_duplicates
from tlkit.data.given_classes import GivenClasses
from tlkit.data.labelled_images import LabelledImages


class ClassifiedImages(LabelledImages):
    """Images of a store with one class each; see `LabelledImages` for what makes them."""

    @property
    def class_counts(self) -> dict[str, int]:
        """Images per class, in the order of the classes."""
        counts = np.bincount(self._labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def __getitem__(self, index: int) -> tuple[Pixels, int]:
        """Return one image at its own size, (h, w, 3), uint8, 0..255, and its class number."""
        place = as_position(index, len(self))
        return self._store.load_whole(int(self._indices[place])), int(self._labels[place])

    def __iter__(self) -> Iterator[tuple[Pixels, int]]:
        return (self[index] for index in range(len(self)))

    def with_classes(self, class_names: Sequence[str]) -> Self:
        """Return the same images with their classes in another order, or among more classes.

        Args:
            class_names: The classes in order; every class that has an image is among them.

        Returns:
            A dataset that shares images and digests with this one; labels keep their names.

        Raises:
            DataError: An image is of another class, or these cannot be class names.

        Example:
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((2, 8, 8, 3), np.uint8), ["10", "9"])
            >>> data.with_classes(["9", "10"]).labels
            array([1, 0])
        """
        names = GivenClasses(class_names).names
        labels = numbered_as(names, self, words=("the list", "the dataset"))
        return self._relabelled(labels, names)

    def rename_classes(self, names: Mapping[str, str]) -> Self:
        """Return the same images with other names for some classes.

        Classes that get one name become one class, at the place of the first of them.

        Args:
            names: New names by the old ones; other classes keep theirs.

        Returns:
            A dataset that shares images and digests with this one.

        Raises:
            DataError: A class is not there, or what comes out cannot be class names.

        Example:
            >>> from tlkit import ImageDataset
            >>> images = np.zeros((3, 8, 8, 3), np.uint8)
            >>> data = ImageDataset.from_arrays(images, ["cat", "dog", "puppy"])
            >>> data.rename_classes({"puppy": "dog", "cat": "tom"})
            ImageDataset(3 images, 2 classes: tom 1, dog 2)
        """
        numbers, merged = self._renamed(names)
        return self._relabelled(numbers[self._labels], merged)

    def _find_duplicates(self, digests: NDArray[np.uint8]) -> tuple[Duplicate, ...]:
        return find_duplicates(digests, self.names, self._labels, self.class_names)
