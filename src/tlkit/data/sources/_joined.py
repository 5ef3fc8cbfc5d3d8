"""Two sets of images put together: files with files, pixels with pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from tlkit.data.decoding.decode import Pixels
from tlkit.data.sources.files import FileStore
from tlkit.data.sources.stores import ArrayStore, ImageStore
from tlkit.errors import DataError

Chosen = tuple[ImageStore, NDArray[np.int64]]
_Images: TypeAlias = "tuple[Pixels | Sequence[Pixels], NDArray[np.int64]]"


def joined(parts: Sequence[Chosen]) -> ImageStore:
    """Return one store of the images of several.

    Args:
        parts: Stores, and which of their images.

    Raises:
        DataError: One has files and another pixels, or files that are read at another depth.

    Example:
        >>> store = ArrayStore(np.zeros((3, 4, 4, 3), np.uint8))
        >>> len(joined([(store, np.array([0])), (store, np.array([1, 2]))]))
        3
    """
    files = [(store, chosen) for store, chosen in parts if isinstance(store, FileStore)]
    if len(files) == len(parts):
        return FileStore.joined(files)
    arrays = [(store.images, chosen) for store, chosen in parts if isinstance(store, ArrayStore)]
    if len(arrays) == len(parts):
        return ArrayStore(_put_together(arrays))
    told = " and ".join(_kind(store) for store, _ in parts)
    raise DataError(
        f"Received {told} to put together; expected files alone, or pixels alone. Save the images "
        "of arrays as files."
    )


def _put_together(arrays: Sequence[_Images]) -> Pixels | Sequence[Pixels]:
    """Return one array where all have one size; else what looks each image up where it is."""
    plain = [images[chosen] for images, chosen in arrays if isinstance(images, np.ndarray)]
    if len(plain) == len(arrays) and len({array.shape[1:] for array in plain}) == 1:
        return np.concatenate(plain)
    return _Chain(arrays)


class _Chain(Sequence[Pixels]):
    """Images of several sequences, one after the other.

    Args:
        parts: Sequences of images, and which of theirs.
    """

    def __init__(self, parts: Sequence[_Images]) -> None:
        self._places = [(images, index) for images, chosen in parts for index in chosen.tolist()]

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Pixels: ...

    @overload
    def __getitem__(self, place: slice) -> list[Pixels]: ...

    def __getitem__(self, place: int | slice) -> Pixels | list[Pixels]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        images, index = self._places[place]
        image: Pixels = images[index]
        return image


def _kind(store: ImageStore) -> str:
    return "pixels" if isinstance(store, ArrayStore) else "files"
