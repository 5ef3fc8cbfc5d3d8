"""Images with labels."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import overload

import numpy as np

from tlkit._printing import Printed, one_line
from tlkit.data._given_images import GivenImages
from tlkit.data.class_names import numbered_as
from tlkit.data.decoding.fitting import SQUASH, Fit, one_fit
from tlkit.data.given_classes import united
from tlkit.data.ignored import told_ignored
from tlkit.data.sources._dataframes import Table, read_table, read_unlabelled
from tlkit.data.sources._file_lists import Files, read_files
from tlkit.data.sources._folders import read_folders
from tlkit.data.sources._joined import joined
from tlkit.data.unlabelled import UnlabelledImages


class ImageDataset(GivenImages, Printed):
    """Images with labels, in a fixed order; pixels are read when asked for.

    Make one with `from_directory`, `from_dataframe`, `from_arrays`, `from_batches` (such as a
    ``tf.data.Dataset``) or `from_huggingface`; `from_files` gives images without labels. The
    images must not change while the dataset is in use: their digests are computed once.

    ``data[i]`` is one image at its own size, uint8 (h, w, 3), and its class number; a loop gives
    them all. ``a + b`` has the images of both, classes united by name: those of ``a`` in their
    order, then those that only ``b`` has.

    Args:
        store: The images.
        labels: Class number of each image, (n,), int64.
        class_names: Names of the classes.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of the dataset.
        fit: How images come to the size of a model.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((4, 8, 8, 3), np.uint8)
        >>> ImageDataset.from_arrays(images, ["cat", "dog", "dog", "cat"])
        ImageDataset(4 images, 2 classes: cat 2, dog 2)
        >>> pixels, label = ImageDataset.from_arrays(images, ["cat", "dog", "dog", "cat"])[1]
        >>> pixels.shape, label
        ((8, 8, 3), 1)
    """

    @classmethod
    def from_directory(
        cls,
        root: str | PathLike[str],
        *,
        class_names: Sequence[str] | None = None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> ImageDataset:
        """Read the images of a folder that holds one folder per class.

        Classes and files are sorted by name. Folders inside a class folder belong to that class.
        Hidden files are passed over; other files that are no images are listed in ``ignored``.

        Args:
            root: The folder.
            class_names: The classes in order, such as ``train.class_names`` for a test set, which
                may lack some of them; None for the names of the folders, sorted.
            depth: Bits of the values of images that have more than 8: 12 where 4,095 is white.
                None for the least that holds the largest value of them all.
            fit: How images of another shape come to a model's: ``"squash"``, ``"crop"`` or
                ``"pad"``; see `ImageDataset.fit`.

        Returns:
            The dataset.

        Raises:
            DataError: No such folder; it holds parts such as "train" and "test" in the place of
                classes; or a folder is not among ``class_names``. Without them: fewer than two
                classes, or a class folder without images.
        """
        found = read_folders(root, class_names, depth)
        return cls(found.store, found.labels, found.class_names, ignored=found.ignored, fit=fit)

    @overload
    @classmethod
    def from_dataframe(
        cls,
        df: Table,
        *,
        image: str,
        label: str,
        root: str | PathLike[str],
        class_names: Sequence[str] | None = None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> ImageDataset: ...

    @overload
    @classmethod
    def from_dataframe(
        cls,
        df: Table,
        *,
        image: str,
        label: None,
        root: str | PathLike[str],
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> UnlabelledImages: ...

    @classmethod
    def from_dataframe(
        cls,
        df: Table,
        *,
        image: str,
        label: str | None,
        root: str | PathLike[str],
        class_names: Sequence[str] | None = None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> ImageDataset | UnlabelledImages:
        """Read the images that a table lists.

        Args:
            df: A pandas DataFrame, or any mapping of column names to sequences.
            image: Name of the column of image paths, relative to ``root``.
            label: Name of the column of labels: text, or whole numbers. None for images
                without labels.
            root: Folder that no image path may leave, be it by ``..``, an absolute path or a link.
            class_names: The classes in order, as for `from_directory`. A number in the column is
                the name of a class or, where no class is called by a number, its position.
            depth: Bits of the values of images that have more than 8, as for `from_directory`.
            fit: How images of another shape come to a model's, as for `from_directory`.

        Returns:
            The dataset, in the table's order; classes are sorted, numbers by their value. With
            ``label=None`` `UnlabelledImages`.

        Raises:
            TableError: A column is missing, the table is empty or has one class, or a row lacks
                its label or its image or points outside of ``root``, or its label is not among
                ``class_names``; the message names the row.
        """
        if label is None:
            store = read_unlabelled(
                df, image=image, root=root, class_names=class_names, depth=depth
            )
            return UnlabelledImages(store, fit=fit)
        return cls(
            *read_table(
                df, image=image, label=label, root=root, class_names=class_names, depth=depth
            ),
            fit=fit,
        )

    @staticmethod
    def from_files(
        files: Files, *, depth: int | None = None, fit: Fit = SQUASH
    ) -> UnlabelledImages:
        """Find images without labels, such as those that a model is to look at.

        Damaged files are found by `check`, not here.

        Args:
            files: A folder, which is read with all folders below it; or a list of paths, whose
                order is kept; or one path.
            depth: Bits of the values of images that have more than 8, as for `from_directory`.
            fit: How images of another shape come to a model's, as for `from_directory`.

        Returns:
            The images. Those of a folder are sorted and named by their paths below it; those of a
            list are named by the paths that are given.

        Raises:
            DataError: The folder holds no image, the list is empty, or a file is not there.
        """
        store, ignored = read_files(files, depth)
        return UnlabelledImages(store, ignored=ignored, fit=fit)

    def __add__(self, other: ImageDataset) -> ImageDataset:
        """Return the images of both, this dataset's first; classes are united by name.

        The classes of this dataset come first, in their order, then those that only the other
        has, in theirs.

        Args:
            other: Images in files, as these are, or in an array of the same size.

        Returns:
            The dataset. Files of one name are called by their paths, arrays' images numbered anew.

        Raises:
            DataError: Names of classes differ only in case, blanks or the like; or the images
                cannot be put together, or are to be read in different ways.
        """
        if not isinstance(other, ImageDataset):
            return NotImplemented
        fit = one_fit({"the first": self.fit, "the second": other.fit})
        names = united(self.class_names, other.class_names)
        chosen = [(part._store, part._indices) for part in (self, other)]
        labels = [numbered_as(names, part) for part in (self, other)]
        ignored = tuple(dict.fromkeys((*self.ignored, *other.ignored)))
        return ImageDataset(joined(chosen), np.concatenate(labels), names, ignored=ignored, fit=fit)

    def __repr__(self) -> str:
        counts = self.class_counts
        shown = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:5])
        more = ", ..." if len(counts) > 5 else ""
        told = (
            f"{len(self)} images, {len(counts)} classes: {shown}{more}{told_ignored(self.ignored)}"
        )
        return one_line(f"ImageDataset({told})")
