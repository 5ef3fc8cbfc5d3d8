"""A picture of what an augmentation does to some images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tlkit._numbers import is_whole
from tlkit._seeds import stream
from tlkit.data.augmentation.transforms import (
    AugmentationLike,
    Transform,
    as_transform,
    transformed,
)
from tlkit.data.dataset import ImageDataset
from tlkit.data.decoding.decode import Size
from tlkit.data.expected import require_dataset
from tlkit.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 1.6  # inches


def show_augmented(
    augmentation: AugmentationLike,
    dataset: ImageDataset,
    *,
    samples: int = 4,
    views: int = 6,
    image_size: Size = 224,
    seed: int = 0,
    stage: str = "preview",
) -> Figure:
    """Draw some images, each in a row: as it is, then as the first epochs of a stage see it.

    With the seed of a trainer and the name of one of its stages, the views are the very pixels
    that this stage trains on in its epochs 1 to ``views``.

    Args:
        augmentation: What ``Stage(augmentation=...)`` takes.
        dataset: Where the images come from.
        samples: How many images; which ones follows from ``seed``.
        views: How many augmented versions of each.
        image_size: Side in pixels, or (height, width).
        seed: The run's seed; any integer.
        stage: The stage's name.

    Returns:
        A matplotlib Figure of ``samples`` rows and ``1 + views`` columns.

    Raises:
        DataError: matplotlib is not installed, ``augmentation`` is None or not an augmentation,
            or a number is out of range.

    Example:
        >>> import tlkit, tlkit.testing
        >>> data = tlkit.testing.tiny_dataset()
        >>> figure = tlkit.show_augmented(tlkit.Augmentation(), data, samples=2, image_size=16)
        >>> figure.savefig("augmented.png")  # doctest: +SKIP
        >>> len(figure.axes)
        14
    """
    require_dataset(dataset, "dataset")
    transform = as_transform(augmentation)
    if transform is None:
        raise DataError(
            "augmentation=None changes nothing; expected what Stage(augmentation=...)"
            " takes, for example tlkit.Augmentation()."
        )
    _require_at_least_one(samples=samples, views=views)
    chosen = stream(seed, "picture").permutation(len(dataset))[:samples]
    pixels = dataset.load(chosen, image_size)
    columns = _columns(transform, pixels, chosen, views, seed, stage)
    grid = _grid(len(chosen), 1 + views, pixels.shape[1] / pixels.shape[2])
    for column, images in enumerate(columns):
        for row, image in enumerate(images):
            grid[row, column].imshow(np.clip(image, 0, 255).astype(np.uint8))
        grid[0, column].set_title(f"epoch {column}" if column else "original", fontsize=9)
    for axes, label in zip(grid[:, 0], dataset.labels[chosen], strict=True):
        axes.set_ylabel(dataset.class_names[label], fontsize=9)
    figure: Figure = grid[0, 0].figure
    return figure


def _require_at_least_one(**numbers: int) -> None:
    for name, value in numbers.items():
        if not is_whole(value, 1):
            raise DataError(f"{name}={value!r}; expected a whole number, at least 1.")


def _columns(
    transform: Transform,
    pixels: NDArray[np.uint8],
    indices: NDArray[np.int64],
    views: int,
    seed: int,
    stage: str,
) -> list[NDArray[Any]]:
    seen = [
        transformed(transform, pixels, indices, seed=seed, stage=stage, epoch=epoch)
        for epoch in range(views)
    ]
    return [pixels, *seen]


def _grid(rows: int, columns: int, ratio: float) -> NDArray[Any]:
    """Return Axes without ticks, in rows and columns; ``ratio`` is height to width of an image."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DataError(
            'show_augmented() needs matplotlib: python -m pip install "tlkit[plots]"'
        ) from error
    figure = Figure(
        figsize=(_CELL * columns + 0.4, _CELL * ratio * rows + 0.4), layout="compressed"
    )
    grid: NDArray[Any] = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    return grid
