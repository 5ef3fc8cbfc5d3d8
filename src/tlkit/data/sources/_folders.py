"""A folder of class folders -> files and labels."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlkit.data._text import printable
from tlkit.data.class_names import shown_names
from tlkit.data.given_classes import GivenClasses
from tlkit.data.ignored import warn_of_pictures
from tlkit.data.labels import FOR_A_TEST_SET, check_class_names
from tlkit.data.sources._parts_of_a_set import refuse_parts
from tlkit.data.sources._places import Place, below, place_of
from tlkit.data.sources._walks import ENDINGS, NOT_FOR_PEOPLE, sorted_out, visible
from tlkit.data.sources.files import FileStore
from tlkit.errors import DataError


class Folders(NamedTuple):
    """What a folder of class folders holds."""

    store: FileStore
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    ignored: tuple[str, ...]


def read_folders(
    root: str | PathLike[str],
    class_names: Sequence[str] | None = None,
    depth: int | None = None,
) -> Folders:
    """Find the images in a folder that holds one folder per class.

    Classes and files are sorted by name. Folders inside a class folder belong to that class.
    What is passed over and what is listed as ignored, see `sorted_out`.

    Args:
        root: The folder.
        class_names: The classes in order; some may have no folder, or no image. None for the
            names of the folders, sorted.
        depth: Of images with more than 8 bits; None to find it in them.

    Returns:
        Files, class numbers, class names and ignored files.

    Raises:
        DataError: There is no such folder; a folder is of no class that is given; or, where none
            are given, there are fewer than two class folders, or one holds no image.

    Example:
        >>> read_folders("no such folder")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        tlkit.errors.DataError: 'no such folder' is not a folder; expected one folder per class ...
    """
    top = place_of(root)
    given = None if class_names is None else GivenClasses(class_names)
    folders = _class_folders(top)
    refuse_parts(top, folders, given.names if given else ())
    numbers, names = _numbered(top, folders, given)
    kept = set(folders)
    ignored = [below(path, top) for path in visible(top) if path not in kept]
    paths: list[Place] = []
    counts: list[int] = []
    for folder in folders:
        images, others = sorted_out(folder, top)
        paths += images
        counts.append(len(images))
        ignored += others
    _require_images(top, folders, counts, given)
    shown = [below(path, top) for path in paths]
    store = FileStore([path.resolve() for path in paths], shown, depth)
    warn_of_pictures(ignored)
    return Folders(store, np.repeat(numbers, counts), names, tuple(map(printable, ignored)))


def _class_folders(top: Place) -> list[Place]:
    if not top.is_dir():
        raise DataError(f"{str(top)!r} is not a folder; expected one folder per class inside it.")
    return [path for path in visible(top) if path.is_dir() and path.name not in NOT_FOR_PEOPLE]


def _numbered(
    top: Place, folders: list[Place], given: GivenClasses | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the class number of each folder, and the names of the classes."""
    found = [folder.name for folder in folders]
    if given is not None:
        return given.number_folders(found, top), given.names
    if len(folders) < 2:
        received = f"one class folder ({found[0]!r})" if folders else "no class folder"
        without = "Images without labels are read with ImageDataset.from_files(folder)."
        raise DataError(
            f"{top} has {received}; expected at least two, each with the images of one class. "
            "Sort the images into class folders, or use ImageDataset.from_dataframe. "
            f"{FOR_A_TEST_SET if folders else without}"
        )
    return np.arange(len(folders)), check_class_names(found)


def _require_images(
    top: Place, folders: list[Place], counts: list[int], given: GivenClasses | None
) -> None:
    empty = [folder.name for folder, count in zip(folders, counts, strict=True) if not count]
    if given is not None and len(empty) == len(folders):
        raise DataError(
            f"{top} holds no image in a class folder; expected at least one file ({ENDINGS}) in "
            f"one of {shown_names(given.names)}. Look whether it is the right folder."
        )
    if given is None and empty:
        raise DataError(
            f"{top} has class folders without an image: {', '.join(map(repr, empty))}. Expected at "
            f"least one file ({ENDINGS}) in each, and no link that leads out of it. Add images, "
            "take the folder away, or list linked files in a table for ImageDataset.from_dataframe."
            f" {FOR_A_TEST_SET}"
        )
