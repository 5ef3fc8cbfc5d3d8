"""Images with classes that are given as pixels or as what other libraries hold, not as files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, overload

from numpy.typing import ArrayLike

from tlkit._progress import reporter_for
from tlkit.data._splittable_images import SplittableImages
from tlkit.data.decoding.fitting import SQUASH, Fit
from tlkit.data.sources._arrays import Labels, read_arrays
from tlkit.data.sources._batches import read_batches
from tlkit.data.sources._huggingface import read_huggingface, read_images
from tlkit.data.unlabelled import UnlabelledImages


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

    @classmethod
    def from_batches(
        cls,
        batches: object,
        class_names: Sequence[str] | None = None,
        *,
        fit: Fit = SQUASH,
        verbose: int = 1,
    ) -> Self:
        """Take images and labels from a ``tf.data.Dataset``, a Keras ``PyDataset`` or the like.

        All of it is gone through once, in the order in which it comes, so that one that shuffles
        or changes its images is as it was that time. The pixels go into a temporary file (in the
        folder that ``tempfile.gettempdir()`` tells), uncompressed: 84,916 pictures of 224 x 224
        pixels take 12.8 GB of disk and a few MB of memory. The file goes with the dataset. Where
        the pictures are files, `from_directory` and `from_dataframe` take no such room.

        Args:
            batches: Gives pairs (image, label), or (images, labels) for batches. An image is
                (h, w, 3), RGB, uint8 or numbers from 0 to 255, which are rounded; sizes may
                differ. A label is a whole number, text, or a one-hot vector.
            class_names: The classes in order, of which labels are positions; None for the
                ``class_names`` that ``batches`` has, as what
                ``keras.utils.image_dataset_from_directory`` returns, or else the sorted distinct
                labels.
            fit: How images of another shape come to a model's, as for `from_directory`.
            verbose: 0 shows nothing, 1 a progress bar where the number of batches is known.

        Returns:
            The dataset; equal pixels are the same image as in `from_arrays`.

        Raises:
            DataError: There is no image or no end, it gives no such pairs, images are of another
                shape or range, labels are no classes, or the disk is full.

        Example:
            >>> import numpy as np
            >>> from tlkit import ImageDataset
            >>> batches = [(np.zeros((2, 8, 6, 3)), [[0, 1], [1, 0]])]
            >>> ImageDataset.from_batches(batches, ["cat", "dog"], verbose=0)
            ImageDataset(2 images, 2 classes: cat 1, dog 1)
        """
        return cls(*read_batches(batches, class_names, reporter_for(verbose)), fit=fit)

    @overload
    @classmethod
    def from_huggingface(
        cls,
        dataset: object,
        *,
        image: str = "image",
        label: str = "label",
        class_names: Sequence[str] | None = None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> Self: ...

    @overload
    @classmethod
    def from_huggingface(
        cls,
        dataset: object,
        *,
        image: str = "image",
        label: None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> UnlabelledImages: ...

    @classmethod
    def from_huggingface(
        cls,
        dataset: object,
        *,
        image: str = "image",
        label: str | None = "label",
        class_names: Sequence[str] | None = None,
        depth: int | None = None,
        fit: Fit = SQUASH,
    ) -> Self | UnlabelledImages:
        """Take images and labels from a ``datasets.Dataset`` of Hugging Face.

        Images are read from it when they are asked for, as they are stored, and decoded as files
        are; a transform that was set on it is not applied. Memory holds none of them.

        Args:
            dataset: One part, such as ``datasets.load_dataset(name, split="train")``.
            image: Name of the column of images, a ``datasets.Image``.
            label: Name of the column of labels: a ``datasets.ClassLabel``, which knows its classes,
                text, or whole numbers. None for images without labels.
            class_names: The classes in order, as for `from_dataframe`; None for those of the
                column.
            depth: Bits of the values of images that have more than 8, as for `from_directory`.
            fit: How images of another shape come to a model's, as for `from_directory`.

        Returns:
            The dataset, in the order of the rows. With ``label=None`` `UnlabelledImages`.

        Raises:
            DataError: It is no such data set, streamed, or has several parts; it has no such
                columns; or a row has no label.
        """
        if label is None:
            store = read_images(dataset, image=image, depth=depth)
            return UnlabelledImages(store, fit=fit)
        return cls(
            *read_huggingface(
                dataset, image=image, label=label, class_names=class_names, depth=depth
            ),
            fit=fit,
        )
