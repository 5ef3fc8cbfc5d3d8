"""Pictures as scikit-learn passes them on -> a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tlkit._urls import is_url
from tlkit.data.dataset import ImageDataset
from tlkit.data.sources.files import FileStore
from tlkit.data.sources.stores import ArrayStore, ImageStore
from tlkit.errors import DataError

# Paths, or an array (n, height, width, 3) of uint8.
Pictures: TypeAlias = "Sequence[str | PathLike[str]] | NDArray[Any]"

_EXPECTED = (
    "expected a list or an array of the paths of image files, or an array (n, height, width, 3) of "
    "uint8, 0..255, RGB"
)
_NO_CLASSES = ("picture", "no picture")


def as_dataset(
    pictures: Pictures,
    codes: NDArray[np.int64] | None = None,
    names: tuple[str, ...] = _NO_CLASSES,
    *,
    depth: int | None = None,
) -> ImageDataset:
    """Return pictures as a data set.

    Args:
        pictures: Paths, or an array (n, height, width, 3), uint8.
        codes: Class number of each, (n,); None where nobody asks for it.
        names: Of the classes.
        depth: At which depth files of more than 8 bits are read; None to find it in them.

    Raises:
        DataError: They are neither, a file is not there, or there is not one label for each.

    Example:
        >>> as_dataset(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1]), ("cat", "dog"))
        ImageDataset(2 images, 2 classes: cat 1, dog 1)
    """
    store = _store(pictures, depth)
    if codes is None:
        codes = np.zeros(len(store), np.int64)
    if len(codes) != len(store):
        raise DataError(
            f"Received {len(store)} pictures and {len(codes)} labels; expected a label for each. "
            "Look whether X and y are of the same rows."
        )
    return ImageDataset(store, codes, names)


def _store(given: Any, depth: int | None) -> ImageStore:
    _require_sequence(given)
    if hasattr(given, "__array__"):
        given = np.asarray(given)
    if not len(given):
        raise DataError(f"Received 0 samples: X is empty; {_EXPECTED}. Give at least one picture.")
    paths = _paths(given)
    if paths is None:
        ImageDataset.from_arrays(given, [0] * len(given), _NO_CLASSES)  # says what is wrong
        return ArrayStore(np.asarray(given))
    ImageDataset.from_files(paths, depth=depth)  # says which are not there
    # Which may be pickled, and used elsewhere.
    places = [path if is_url(path) else Path(path).resolve() for path in paths]
    return FileStore(places, list(map(str, paths)), depth)


def _require_sequence(given: Any) -> None:
    kind = type(given).__name__
    if isinstance(given, (str, PathLike)):
        raise DataError(f"Received {given!r} as X, one path; {_EXPECTED}. Put it in a list.")
    if hasattr(given, "load") and hasattr(given, "names"):
        raise DataError(
            f"Received a data set ({kind}) as X; {_EXPECTED}. Give its files and labels one by "
            "one, or train with tlkit.fine_tune and predict with tlkit.Predictor, which take it."
        )
    if hasattr(given, "tocsr"):
        raise DataError(f"Received a sparse {kind} as X; {_EXPECTED}. Pixels are never sparse.")
    array_of_none = getattr(given, "shape", None) == ()
    without_order = isinstance(given, (Mapping, Set)) or array_of_none
    if without_order or not (hasattr(given, "__len__") or hasattr(given, "__array__")):
        raise DataError(f"Received a {kind} as X; {_EXPECTED}. Turn it into a list first.")


def _paths(given: Any) -> list[str | PathLike[str]] | None:
    """Return what was given as a list of paths; None where it is none, so that it is pixels."""
    if isinstance(given, np.ndarray):
        if given.dtype.kind not in "UO":
            return None
        if given.ndim != 1:
            raise DataError(
                f"Received text or objects of shape {given.shape} as X; {_EXPECTED}. Of a table "
                "give the column of paths alone, such as table['image']."
            )
        given = given.tolist()
    found: list[str | PathLike[str]] = list(given)
    others = [x for x in enumerate(found) if not isinstance(x[1], (str, PathLike))]
    if len(others) == len(found):
        return None
    if others:
        place, value = others[0]
        raise DataError(
            f"X holds paths, and at place {place} (counted from 0) a {type(value).__name__}; "
            f"{_EXPECTED}. Fill it in, or drop the row and its label."
        )
    return found
