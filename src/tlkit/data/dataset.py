"""Images with labels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike

from numpy.typing import ArrayLike

from tlkit._printing import Printed, one_line
from tlkit.data._positions import as_positions
from tlkit.data._splits import split_indices
from tlkit.data._stored_images import StoredImages
from tlkit.data.class_names import numbered_as
from tlkit.data.damage import DamageReport
from tlkit.data.duplicates import split_note
from tlkit.data.labels import check_class_names
from tlkit.data.sources._arrays import Labels, read_arrays
from tlkit.data.sources._dataframes import Table, read_table
from tlkit.data.sources._folders import read_folders
from tlkit.errors import DataError


class ImageDataset(StoredImages, Printed):
    """Images with labels, in a fixed order; pixels are read when asked for.

    Make one with `from_directory`, `from_dataframe` or `from_arrays`. The
    images must not change while the dataset is in use: their digests are computed once.

    Args:
        store: The images.
        labels: Class number of each image, (n,), int64.
        class_names: Names of the classes.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of the dataset.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((4, 8, 8, 3), np.uint8)
        >>> ImageDataset.from_arrays(images, ["cat", "dog", "dog", "cat"])
        ImageDataset(4 images, 2 classes: cat 2, dog 2)
    """

    @classmethod
    def from_directory(cls, root: str | PathLike[str], *, depth: int | None = None) -> ImageDataset:
        """Read the images of a folder that holds one folder per class.

        Classes and files are sorted by name. Folders inside a class folder belong to that class.
        Hidden files are passed over; other files that are no images are listed in ``ignored``.

        Args:
            root: The folder.
            depth: Bits of the values of images that have more than 8: 12 where 4,095 is white.
                None for the least that holds the largest value of them all.

        Returns:
            The dataset.

        Raises:
            DataError: No such folder, fewer than two classes, or a class folder without images.
        """
        found = read_folders(root, depth)
        return cls(found.store, found.labels, found.class_names, ignored=found.ignored)

    @classmethod
    def from_dataframe(
        cls,
        df: Table,
        *,
        image: str,
        label: str,
        root: str | PathLike[str],
        depth: int | None = None,
    ) -> ImageDataset:
        """Read the images that a table lists.

        Args:
            df: A pandas DataFrame, or any mapping of column names to sequences.
            image: Name of the column of image paths, relative to ``root``.
            label: Name of the column of labels: text, or whole numbers.
            root: Folder that no image path may leave, be it by ``..``, an absolute path or a link.
            depth: Bits of the values of images that have more than 8, as for `from_directory`.

        Returns:
            The dataset, in the table's order; classes are sorted, numbers by their value.

        Raises:
            TableError: A column is missing, the table is empty or has one class, or a row lacks
                its label or its image or points outside of ``root``; the message names the row.
        """
        return cls(*read_table(df, image=image, label=label, root=root, depth=depth))

    @classmethod
    def from_arrays(
        cls, images: ArrayLike, labels: Labels, class_names: Sequence[str] | None = None
    ) -> ImageDataset:
        """Take images from an array, which is not copied.

        Args:
            images: Array of shape (n, h, w, 3), uint8, 0..255, RGB, not preprocessed.
            labels: n class names or whole numbers. With ``class_names``, numbers are positions
                in that list; without, the sorted distinct labels become the classes.
            class_names: The classes in order, where labels alone do not tell.

        Returns:
            The dataset.

        Raises:
            DataError: Wrong type, range, shape or length; or fewer than two classes.

        Example:
            >>> import numpy as np
            >>> images = np.zeros((2, 8, 8, 3), np.uint8)
            >>> ImageDataset.from_arrays(images, [1, 0], ["cat", "dog"]).labels
            array([1, 0])
        """
        return cls(*read_arrays(images, labels, class_names))

    def __repr__(self) -> str:
        counts = self.class_counts
        shown = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:5])
        more = ", ..." if len(counts) > 5 else ""
        ignored = f"; {len(self.ignored)} other files ignored" if self.ignored else ""
        told = f"{len(self)} images, {len(counts)} classes: {shown}{more}{ignored}"
        return one_line(f"ImageDataset({told})")

    def subset(self, indices: ArrayLike) -> ImageDataset:
        """Return some of the images, with the same classes.

        Args:
            indices: Positions in this dataset, in the order wanted; or one truth value per image.

        Returns:
            A dataset that shares images and digests with this one.

        Raises:
            DataError: An index is not in the dataset.

        Example:
            >>> import numpy as np
            >>> data = ImageDataset.from_arrays(np.zeros((3, 8, 8, 3), np.uint8), [0, 1, 1])
            >>> data.subset(data.labels == 1)
            ImageDataset(2 images, 2 classes: 0 0, 1 2)
        """
        chosen = as_positions(indices, len(self))
        return ImageDataset(
            self._store,
            self._labels[chosen],
            self.class_names,
            indices=self._indices[chosen],
            ignored=self.ignored,
        )

    def with_classes(self, class_names: Sequence[str]) -> ImageDataset:
        """Return the same images with their classes in another order, or among more classes.

        Args:
            class_names: The classes in order; every class that has an image is among them.

        Returns:
            A dataset that shares images and digests with this one; labels keep their names.

        Raises:
            DataError: An image is of another class, or these cannot be class names.

        Example:
            >>> import numpy as np
            >>> data = ImageDataset.from_arrays(np.zeros((2, 8, 8, 3), np.uint8), ["10", "9"])
            >>> data.with_classes(["9", "10"]).labels
            array([1, 0])
        """
        names = check_class_names(list(class_names))
        labels = numbered_as(names, self, words=("the list", "the dataset"))
        return ImageDataset(self._store, labels, names, indices=self._indices, ignored=self.ignored)

    def split(
        self, validation: float = 0.2, seed: int = 0, stratify: bool = True
    ) -> tuple[ImageDataset, ImageDataset]:
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

    def without_damaged(self, report: DamageReport) -> ImageDataset:
        """Return the images that a report found whole.

        Args:
            report: What `check` of this dataset returned.

        Returns:
            A dataset without the damaged images.

        Raises:
            DataError: The report is of other images, or a class would lose its last image.

        Example:
            >>> import numpy as np
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
