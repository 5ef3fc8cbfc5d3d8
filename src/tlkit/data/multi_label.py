"""Images with any number of labels each."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from tlkit._printing import Printed, one_line
from tlkit.data._splittable_labels import SplittableLabels
from tlkit.data.decoding.fitting import SQUASH, Fit, one_fit
from tlkit.data.given_classes import united
from tlkit.data.sources._arrays import checked_images
from tlkit.data.sources._dataframes import Table
from tlkit.data.sources._file_lists import Files, read_files
from tlkit.data.sources._joined import joined
from tlkit.data.sources._label_lists import LabelLists, read_label_lists
from tlkit.data.sources._multi_label_tables import read_multi_label_table
from tlkit.data.sources.stores import ArrayStore


class MultiLabelDataset(SplittableLabels, Printed):
    """Images each of which has any number of labels, or none; pixels are read when asked for.

    Make one with `from_files`, `from_dataframe` or `from_arrays`. All that takes an `ImageDataset`
    takes it: a model that is trained on it ends in a sigmoid for each label, and `tlkit.evaluate`
    gives a `MultiLabelEvaluation`.

    ``data[i]`` is one image at its own size, uint8 (h, w, 3), and its row of ``labels``; a loop
    gives them all. ``a + b`` has the images of both, classes united by name.

    Args:
        store: The images.
        labels: Whether each image has each label, (n, classes), int64, 0 or 1.
        class_names: Names of the labels.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of the dataset.
        fit: How images come to the size of a model.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((3, 8, 8, 3), np.uint8)
        >>> data = MultiLabelDataset.from_arrays(images, [["cat", "dog"], ["dog"], []])
        >>> data
        MultiLabelDataset(3 images, 2 labels: cat 1, dog 2; 1 without any)
        >>> data.labels.tolist()
        [[1, 1], [0, 1], [0, 0]]
    """

    @classmethod
    def from_files(
        cls,
        files: Files,
        labels: LabelLists,
        *,
        class_names: Sequence[str] | None = None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> Self:
        """Read images from a list of files.

        Args:
            files: Paths, whose order is kept.
            labels: For each file the names of its labels, ``[]`` for none; or an array (n, classes)
                of 0 and 1, as scikit-learn's ``MultiLabelBinarizer`` gives.
            class_names: The classes in order, such as ``train.class_names`` for a test set; None
                for the sorted names, or numbers for an array.
            depth: As for `tlkit.ImageDataset.from_directory`.
            fit: As for `tlkit.ImageDataset.from_directory`.

        Raises:
            DataError: A file is not there; labels do not fit the files, are neither lists of names
                nor 0 and 1, or are not among ``class_names``; or there are fewer than two classes.
        """
        store, ignored = read_files(files, depth)
        return cls(
            store, *read_label_lists(labels, len(store), class_names), ignored=ignored, fit=fit
        )

    @classmethod
    def from_dataframe(
        cls,
        df: Table,
        *,
        image: str,
        labels: str | Sequence[str],
        root: str | PathLike[str],
        class_names: Sequence[str] | None = None,
        separator: str | None = None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> Self:
        """Read the images that a table lists.

        Args:
            df: A pandas DataFrame, or any mapping of column names to sequences.
            image: Name of the column of image paths, relative to ``root``.
            labels: Name of the column of labels, each cell of which is a list of names, or a text
                that ``separator`` parts; or the names of a column of 0 and 1 for each class.
            root: Folder that no image path may leave.
            class_names: The classes in order; None for the sorted names, or the order of the
                columns.
            separator: What parts the names in a text, such as ``","``; blanks around them are left
                out, and an empty text is none of the labels.
            depth: As for `tlkit.ImageDataset.from_directory`.
            fit: As for `tlkit.ImageDataset.from_directory`.

        Raises:
            TableError: As for `tlkit.ImageDataset.from_dataframe`; a missing cell is one too,
                as it can mean unknown or none.

        Example:
            >>> import pathlib, tempfile
            >>> from PIL import Image
            >>> table = {"file": ["a.png", "b.png"], "tags": ["cat, dog", "dog"]}
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     for name in table["file"]:
            ...         Image.new("RGB", (8, 8)).save(pathlib.Path(folder, name))
            ...     MultiLabelDataset.from_dataframe(
            ...         table, image="file", labels="tags", separator=",", root=folder)
            MultiLabelDataset(2 images, 2 labels: cat 1, dog 2)
        """
        return cls(
            *read_multi_label_table(
                df,
                image=image,
                labels=labels,
                root=root,
                class_names=class_names,
                separator=separator,
                depth=depth,
            ),
            fit=fit,
        )

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike,
        labels: LabelLists,
        class_names: Sequence[str] | None = None,
        *,
        fit: Fit = SQUASH,
    ) -> Self:
        """Take images from an array, which is not copied.

        Args:
            images: Array of shape (n, h, w, 3), uint8, 0..255, RGB, not preprocessed.
            labels: As for `from_files`.
            class_names: As for `from_files`.
            fit: As for `from_files`.

        Raises:
            DataError: As for `from_files`, or the array is another.
        """
        pixels = checked_images(images)
        return cls(ArrayStore(pixels), *read_label_lists(labels, len(pixels), class_names), fit=fit)

    def __add__(self, other: MultiLabelDataset) -> MultiLabelDataset:
        """Return the images of both, this dataset's first; classes are united by name.

        Args:
            other: Images in files, as these are, or in an array of the same size.

        Raises:
            DataError: As for two `tlkit.ImageDataset`.
        """
        if not isinstance(other, MultiLabelDataset):
            return NotImplemented
        fit = one_fit({"the first": self.fit, "the second": other.fit})
        names = united(self.class_names, other.class_names)
        parts = (self.with_classes(names), other.with_classes(names))
        labels = np.concatenate([part.labels for part in parts])
        store = joined([(part._store, part._indices) for part in parts])
        ignored = tuple(dict.fromkeys((*self.ignored, *other.ignored)))
        return MultiLabelDataset(store, labels, names, ignored=ignored, fit=fit)

    def __repr__(self) -> str:
        counts, none = self.class_counts, int((self._labels.sum(axis=1) == 0).sum())
        shown = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:5])
        more = ", ..." if len(counts) > 5 else ""
        told = f"{len(self)} images, {len(counts)} labels: {shown}{more}"
        return one_line(f"MultiLabelDataset({told}{f'; {none} without any' if none else ''})")
