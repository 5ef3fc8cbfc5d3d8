"""Images of a store with their classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.data._positions import as_position, as_positions
from tlkit.data._stored_images import StoredImages
from tlkit.data.class_names import near_misses, numbered_as, shown_names
from tlkit.data.damage import DamageReport
from tlkit.data.decoding.decode import Pixels
from tlkit.data.duplicates import Duplicate, find_duplicates
from tlkit.data.given_classes import GivenClasses
from tlkit.data.labels import check_class_names
from tlkit.data.sources.stores import ImageStore
from tlkit.errors import DataError


class LabelledImages(StoredImages):
    """Images of a store with labels, in a fixed order.

    Args:
        store: The images.
        labels: Class number of each image, (n,), int64.
        class_names: Names of the classes.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of the dataset.
    """

    def __init__(
        self,
        store: ImageStore,
        labels: NDArray[np.int64],
        class_names: tuple[str, ...],
        *,
        indices: NDArray[np.int64] | None = None,
        ignored: tuple[str, ...] = (),
    ) -> None:
        super().__init__(store, indices=indices, ignored=ignored)
        self._labels = labels.copy()
        self._labels.flags.writeable = False
        self.class_names = class_names

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class number of each image, (n,), int64, read-only."""
        return self._labels

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

    def subset(self, indices: ArrayLike) -> Self:
        """Return some of the images, with the same classes.

        Args:
            indices: Positions in this dataset, in the order wanted; or one truth value per image.

        Returns:
            A dataset that shares images and digests with this one.

        Raises:
            DataError: An index is not in the dataset.

        Example:
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((3, 8, 8, 3), np.uint8), [0, 1, 1])
            >>> data.subset(data.labels == 1)
            ImageDataset(2 images, 2 classes: 0 0, 1 2)
        """
        chosen = as_positions(indices, len(self))
        return type(self)(
            self._store,
            self._labels[chosen],
            self.class_names,
            indices=self._indices[chosen],
            ignored=self.ignored,
        )

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
        unknown = [name for name in names if name not in self.class_names]
        if unknown:
            raise DataError(
                f"No classes {shown_names(unknown)} to rename; the dataset has "
                f"{shown_names(self.class_names)}.{near_misses(unknown, self.class_names)} "
                "Expected {old: new} with names of classes that are there."
            )
        renamed = [names.get(name, name) for name in self.class_names]
        merged = check_class_names(list(dict.fromkeys(renamed)))
        number = {name: place for place, name in enumerate(dict.fromkeys(renamed))}
        return self._relabelled(np.array([number[name] for name in renamed])[self._labels], merged)

    def without_damaged(self, report: DamageReport) -> Self:
        """Return the images that a report found whole.

        Args:
            report: What `check` of this dataset returned.

        Returns:
            A dataset without the damaged images.

        Raises:
            DataError: The report is of other images, or a class would lose its last image.

        Example:
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((2, 8, 8, 3), np.uint8), [0, 1])
            >>> len(data.without_damaged(data.check()))
            2
        """
        kept = self.subset(report.whole(self.names))
        before, after = self.class_counts, kept.class_counts
        lost = [name for name in self.class_names if before[name] and not after[name]]
        if lost:
            raise DataError(
                f"Every image of {', '.join(map(repr, lost))} is damaged. "
                "Replace at least one, or take the class out with dataset.subset(...)."
            )
        return kept

    def _relabelled(self, labels: NDArray[np.int64], class_names: tuple[str, ...]) -> Self:
        return type(self)(
            self._store, labels, class_names, indices=self._indices, ignored=self.ignored
        )

    def _find_duplicates(self, digests: NDArray[np.uint8]) -> tuple[Duplicate, ...]:
        return find_duplicates(digests, self.names, self._labels, self.class_names)
