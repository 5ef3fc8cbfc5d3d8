"""Images without labels: what a model is to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from numpy.typing import ArrayLike

from tlkit._printing import Printed, counted, one_line
from tlkit.data._positions import as_position, as_positions
from tlkit.data._stored_images import StoredImages
from tlkit.data.damage import DamageReport
from tlkit.data.decoding.decode import Pixels
from tlkit.data.ignored import told_ignored


class UnlabelledImages(StoredImages, Printed):
    """Images without labels, in a fixed order; pixels are read when asked for.

    Make one with `ImageDataset.from_files`, or with `ImageDataset.from_dataframe` and
    ``label=None``. The images must not change while it is in use.

    Args:
        store: The images.
        indices: Which images of the store, in order; None for all.
        ignored: Files that lie beside the images and are not part of them.
        fit: How images come to the size of a model.

    Example:
        >>> import pathlib, tempfile
        >>> from PIL import Image
        >>> from tlkit import ImageDataset
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (8, 6), "red").save(pathlib.Path(folder, "a.png"))
        ...     images = ImageDataset.from_files(folder)
        ...     print(images, images.names, images.load([0], 4).shape)
        UnlabelledImages(1 image) ('a.png',) (1, 4, 4, 3)
    """

    def __repr__(self) -> str:
        return one_line(
            f"UnlabelledImages({counted(len(self), 'image')}{told_ignored(self.ignored)})"
        )

    def __getitem__(self, index: int) -> Pixels:
        """Return one image at its own size, (h, w, 3), uint8, 0..255."""
        return self._store.load_whole(int(self._indices[as_position(index, len(self))]))

    def __iter__(self) -> Iterator[Pixels]:
        return (self[index] for index in range(len(self)))

    def subset(self, indices: ArrayLike) -> Self:
        """Return some of the images.

        Args:
            indices: Positions among these images, in the order wanted; or one truth value for each.

        Returns:
            Images that share their files and digests with these.

        Raises:
            DataError: An index is not among them.
        """
        chosen = self._indices[as_positions(indices, len(self))]
        return type(self)(self._store, indices=chosen, ignored=self.ignored, fit=self._fit)

    def without_damaged(self, report: DamageReport) -> Self:
        """Return the images that a report found whole.

        Args:
            report: What `check` of these images returned.

        Returns:
            The images that are not damaged; there may be none.

        Raises:
            DataError: The report is of other images.
        """
        return self.subset(report.whole(self.names))
