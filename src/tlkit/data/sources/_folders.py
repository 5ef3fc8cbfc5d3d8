"""A folder of class folders -> files and labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlkit.data._text import printable
from tlkit.data.decoding.decode import EXTENSIONS
from tlkit.data.labels import check_class_names
from tlkit.data.sources.files import FileStore
from tlkit.errors import DataError

# What systems and devices leave among pictures: small copies of them, and halves of Mac files.
_NOT_FOR_PEOPLE = frozenset({"@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found"})


class Folders(NamedTuple):
    """What a folder of class folders holds."""

    store: FileStore
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    ignored: tuple[str, ...]


def read_folders(root: str | PathLike[str], depth: int | None = None) -> Folders:
    """Find the images in a folder that holds one folder per class.

    Classes and files are sorted by name. Folders inside a class folder belong to that class.
    Hidden files and folders (their name starts with a dot) are passed over; every other file
    that is no image, by its name's ending, is listed as ignored, and so are folders in which
    systems keep copies of pictures (``@eaDir``, ``__MACOSX``) and links that lead out of a class
    folder.

    Args:
        root: The folder.
        depth: Of images with more than 8 bits; None to find it in them.

    Returns:
        Files, class numbers, class names and ignored files.

    Raises:
        DataError: There is no such folder, it has fewer than two class folders, or a class folder
            holds no image.

    Example:
        >>> read_folders("no such folder")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        tlkit.errors.DataError: 'no such folder' is not a folder; expected one folder per class ...
    """
    top = Path(root)
    classes = _class_folders(top)
    kept = set(classes)
    ignored = [path.relative_to(top).as_posix() for path in _visible(top) if path not in kept]
    paths: list[Path] = []
    labels: list[int] = []
    for number, folder in enumerate(classes):
        images, others = _sorted_out(folder, top)
        paths += images
        labels += [number] * len(images)
        ignored += others
    names = [path.relative_to(top).as_posix() for path in paths]
    _require_images(top, [folder.name for folder in classes], labels)
    store = FileStore([path.resolve() for path in paths], names, depth)
    class_names = check_class_names([folder.name for folder in classes])
    return Folders(store, np.array(labels, np.int64), class_names, tuple(map(printable, ignored)))


def _class_folders(top: Path) -> list[Path]:
    if not top.is_dir():
        raise DataError(f"{str(top)!r} is not a folder; expected one folder per class inside it.")
    folders = [path for path in _visible(top) if path.is_dir() and path.name not in _NOT_FOR_PEOPLE]
    if len(folders) < 2:
        received = f"one class folder ({folders[0].name!r})" if folders else "no class folder"
        raise DataError(
            f"{top} has {received}; expected at least two, each with the images of one class. "
            "Sort the images into class folders, or use ImageDataset.from_dataframe."
        )
    return folders


def _require_images(top: Path, names: list[str], labels: list[int]) -> None:
    empty = [name for number, name in enumerate(names) if number not in set(labels)]
    if empty:
        endings = ", ".join(sorted(EXTENSIONS))
        raise DataError(
            f"{top} has class folders without an image: {', '.join(map(repr, empty))}. Expected at "
            f"least one file ({endings}) in each, and no link that leads out of it. Add images, "
            "take the folder away, or list linked files in a table for ImageDataset.from_dataframe."
        )


def _sorted_out(folder: Path, top: Path) -> tuple[list[Path], list[str]]:
    inside = folder.resolve()  # a class folder itself may be a link
    images, others = [], []
    for path in _walk(folder):
        if path.suffix.lower() in EXTENSIONS and path.is_file() and _stays(path, inside):
            images.append(path)
        else:
            others.append(path.relative_to(top).as_posix())
    return images, others


def _stays(path: Path, inside: Path) -> bool:
    return not path.is_symlink() or path.resolve().is_relative_to(inside)


def _walk(folder: Path) -> Iterator[Path]:
    for path in _visible(folder):
        # A link to a folder may lead in a circle: it is not followed, and is listed as ignored.
        left_out = path.is_symlink() or path.name in _NOT_FOR_PEOPLE
        if path.is_dir() and not left_out:
            yield from _walk(path)
        else:
            yield path


def _visible(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if not entry.name.startswith("."))
