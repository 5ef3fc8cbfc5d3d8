"""What is given to be predicted, as pictures that are read batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tlkit.data.dataset import ImageDataset
from tlkit.data.decoding.decode import Size
from tlkit.data.decoding.fitting import Fit
from tlkit.data.fits import require_same_reading
from tlkit.data.sources.files import FileStore
from tlkit.data.unlabelled import UnlabelledImages
from tlkit.errors import DamagedImageError, PredictionError
from tlkit.inference.contract import ModelContract


class Pictures(Protocol):
    """Pictures with names; `tlkit.ImageDataset` and what `ImageDataset.from_files` gives are."""

    @property
    def names(self) -> Sequence[str]:
        """What people call each of them."""

    def __len__(self) -> int: ...

    def load(self, indices: NDArray[np.intp], size: Size, /) -> NDArray[np.uint8]:
        """Return pixels (n, height, width, 3), uint8, 0..255."""


Given: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]] | NDArray[Any] | Pictures"


def as_pictures(given: Given, contract: ModelContract) -> Pictures:
    """Return pictures for what was given.

    Args:
        given: A folder, a file, a sequence of files, an array, or a data set.
        contract: How they are to be read.

    Raises:
        PredictionError: It is nothing of the kind, or holds no picture.
        DataError: A folder or an array is not what it should be, or a data set is read otherwise.
    """
    found: Any = given
    depth, fit = contract.depth, contract.fit
    if hasattr(given, "load") and hasattr(given, "names"):
        require_same_reading(contract, given)
    elif hasattr(given, "__array__"):
        found = _from_array(np.asarray(given), fit)
    elif isinstance(given, (str, PathLike)):
        found = ImageDataset.from_files(given, depth=depth, fit=fit)
    elif _are_paths(given):
        # One that is not there is a row with its error, as one that cannot be decoded.
        found = UnlabelledImages(FileStore(given, list(map(str, given)), depth), fit=fit)
    else:
        raise PredictionError(
            f"received a {type(given).__name__}; expected a folder, a file, a list of files, an "
            "array (n, height, width, 3) of uint8, or a data set such as "
            "tlkit.ImageDataset.from_files gives."
        )
    if not len(found):
        raise PredictionError("there is no picture to predict; give at least one.")
    pictures: Pictures = found
    return pictures


def read(
    pictures: Pictures, places: NDArray[np.intp], size: Size
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Return the pixels of those that can be read, and why the others cannot, by place."""
    try:
        return pictures.load(places, size), {}
    except DamagedImageError:
        pass
    images, errors = [], {}
    for place in places.tolist():
        try:
            images.append(pictures.load(np.array([place]), size))
        except DamagedImageError as error:
            errors[place] = str(error)
    height, width = size if isinstance(size, tuple) else (size, size)
    none = np.zeros((0, height, width, 3), np.uint8)
    return np.concatenate([none, *images]), errors


def read_ahead(
    pictures: Pictures, size: tuple[int, int], count: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.uint8], dict[int, str]]]:
    """Yield batches of ``count``, the next of which is read while the last is in use."""
    parts = batches(len(pictures), count)
    with ThreadPoolExecutor(1) as pool:
        places = next(parts)
        waiting = pool.submit(read, pictures, places, size)
        for following in parts:
            images, errors = waiting.result()
            waiting = pool.submit(read, pictures, following, size)
            yield places, images, errors
            places = following
        yield (places, *waiting.result())


def spread(count: int, most: int) -> NDArray[np.intp]:
    """Return the places of ``most`` of so many pictures, at equal distances, first and last too."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.intp)


def batches(count: int, size: int) -> Iterator[NDArray[np.intp]]:
    """Yield the places of each batch in order."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _are_paths(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and all(isinstance(x, (str, PathLike)) for x in given)


def _from_array(images: NDArray[Any], fit: Fit) -> Pictures:
    """Return the images of an array as a data set whose labels nobody asks for."""
    if images.ndim == 3:
        raise PredictionError(
            f"received an array of shape {images.shape}, one picture; expected (n, height, width, "
            "3). Give image[None] for a single one."
        )
    names = ["picture", "no picture"]
    return ImageDataset.from_arrays(images, [0] * len(images), names, fit=fit)
