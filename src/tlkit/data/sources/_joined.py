"""Two sets of images put together: files with files, arrays with arrays of their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlkit.data.sources.files import FileStore
from tlkit.data.sources.stores import ArrayStore, ImageStore
from tlkit.errors import DataError

Chosen = tuple[ImageStore, NDArray[np.int64]]


def joined(parts: Sequence[Chosen]) -> ImageStore:
    """Return one store of the images of several.

    Args:
        parts: Stores, and which of their images.

    Raises:
        DataError: One has files and another arrays, or arrays of another size, or files that are
            read at another depth.

    Example:
        >>> store = ArrayStore(np.zeros((3, 4, 4, 3), np.uint8))
        >>> len(joined([(store, np.array([0])), (store, np.array([1, 2]))]))
        3
    """
    files = [(store, chosen) for store, chosen in parts if isinstance(store, FileStore)]
    if len(files) == len(parts):
        return FileStore.joined(files)
    arrays = [store.images[chosen] for store, chosen in parts if isinstance(store, ArrayStore)]
    if len(arrays) == len(parts) and len({array.shape[1:] for array in arrays}) == 1:
        return ArrayStore(np.concatenate(arrays))
    told = " and ".join(_kind(store) for store, _ in parts)
    raise DataError(
        f"Received {told} to put together; expected files, or arrays of one size. Save the images "
        "of arrays as files, or bring the arrays to one size."
    )


def _kind(store: ImageStore) -> str:
    return f"an array {store.images.shape}" if isinstance(store, ArrayStore) else "files"
