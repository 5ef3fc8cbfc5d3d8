"""Images of a store with their labels: what all labelled images share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tlkit.data._positions import as_positions
from tlkit.data._stored_images import StoredImages
from tlkit.data.class_names import near_misses, shown_names
from tlkit.data.damage import DamageReport
from tlkit.data.decoding.fitting import SQUASH, Fit
from tlkit.data.labels import check_class_names
from tlkit.data.sources.stores import ImageStore
from tlkit.errors import DataError


class LabelledImages(StoredImages):
    """Images of a store with labels, in a fixed order.

    `tlkit.ImageDataset` has one class for each image, `tlkit.MultiLabelDataset` any number of
    labels.

    Args:
        store: The images.
        labels: Class number of each image, (n,), int64; or for each image and label whether the
            image has it, (n, classes), int64, 0 or 1.
        class_names: Names of the classes.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of the dataset.
        fit: How images come to the size of a model.
    """

    def __init__(
        self,
        store: ImageStore,
        labels: NDArray[np.int64],
        class_names: tuple[str, ...],
        *,
        indices: NDArray[np.int64] | None = None,
        ignored: tuple[str, ...] = (),
        fit: Fit = SQUASH,
    ) -> None:
        super().__init__(store, indices=indices, ignored=ignored, fit=fit)
        self._labels = labels.copy()
        self._labels.flags.writeable = False
        self.class_names = class_names

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each image, (n,), or its labels, (n, classes), 0 or 1; int64, read-only."""
        return self._labels

    @property
    def class_counts(self) -> dict[str, int]:
        """Images per class, in the order of the classes."""
        raise NotImplementedError

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
            fit=self._fit,
        )

    def with_classes(self, class_names: Sequence[str]) -> Self:
        """Return the same images with their classes in another order, or among more classes."""
        raise NotImplementedError

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
            self._store,
            labels,
            class_names,
            indices=self._indices,
            ignored=self.ignored,
            fit=self._fit,
        )

    def _renamed(self, names: Mapping[str, str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return the new number of each class, and the names that there are then.

        Raises:
            DataError: A class is not there, or what comes out cannot be class names.
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
        return np.array([number[name] for name in renamed], np.int64), merged
