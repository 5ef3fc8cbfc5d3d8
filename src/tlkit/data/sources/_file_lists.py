"""A folder, a file or a list of files, without labels -> a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TypeAlias

from tlkit._printing import counted, one_line
from tlkit._urls import without_secrets
from tlkit.data._text import printable
from tlkit.data.ignored import warn_of_pictures
from tlkit.data.sources._file_systems import FileSystems
from tlkit.data.sources._places import Place, below, place_of
from tlkit.data.sources._walks import ENDINGS, sorted_out
from tlkit.data.sources.files import FileStore
from tlkit.errors import DataError

_SHOWN = 5

Files: TypeAlias = "str | PathLike[str] | Iterable[str | PathLike[str]]"


def read_files(files: Files, depth: int | None = None) -> tuple[FileStore, tuple[str, ...]]:
    """Find images without labels.

    Args:
        files: A folder, which is read with all folders below it; a file; or a list of files.
        depth: Of images with more than 8 bits; None to find it in them.

    Returns:
        The files, named by their paths below the folder, or as they were given; and what else
        lies in the folder.

    Raises:
        DataError: There is no such folder or file, or no image.

    Example:
        >>> read_files([])
        Traceback (most recent call last):
            ...
        tlkit.errors.DataError: Received no files; expected at least one, or a folder with images.
    """
    if isinstance(files, (str, PathLike)):
        given = place_of(files)
        return _folder(given, depth) if given.is_dir() else (_listed([files], depth), ())
    if isinstance(files, Mapping) or hasattr(files, "columns"):
        raise DataError(
            f"Received a table ({type(files).__name__}); expected a folder or a list of files. "
            "Name its column of paths: ImageDataset.from_dataframe(table, image=..., label=None, "
            "root=...)."
        )
    try:
        every = list(files)
    except TypeError:
        raise DataError(
            f"Received {files!r}; expected a folder, or a list of the paths of image files."
        ) from None
    return _listed(every, depth), ()


def _folder(top: Place, depth: int | None) -> tuple[FileStore, tuple[str, ...]]:
    images, others = sorted_out(top, top)
    if not images:
        found = f" Found {counted(len(others), 'other file')} or link." if others else ""
        raise DataError(
            f"{str(top)!r} holds no image, nor does a folder below it; expected at least one file "
            f"({ENDINGS}), and no link that leads out of it.{found} Look whether it is the right "
            "folder."
        )
    names = [below(path, top) for path in images]
    store = FileStore([path.resolve() for path in images], names, depth)
    warn_of_pictures(others)
    return store, tuple(map(printable, others))


def _listed(files: list[str | PathLike[str]], depth: int | None) -> FileStore:
    if not files:
        raise DataError("Received no files; expected at least one, or a folder with images.")
    for place, file in enumerate(files):
        if not isinstance(file, (str, PathLike)) or not os.fspath(file):
            raise DataError(
                f"File {place} (counted from 0) is {one_line(repr(file), 60)} "
                f"({type(file).__name__}); expected the "
                "path of an image, as text or a Path. Pixels in memory become a data set with "
                "ImageDataset.from_arrays."
            )
    systems, names = FileSystems(), [os.fsdecode(file) for file in files]
    places = [place_of(name, systems) for name in names]
    _require_files(names, places)
    return FileStore([place.resolve() for place in places], names, depth)


def _require_files(names: list[str], places: list[Place]) -> None:
    pairs = zip(names, places, strict=True)
    missing = [name for name, place in pairs if "\0" in name or not place.is_file()]
    if not missing:
        return
    more = f", and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    folders = [name for name in missing if "\0" not in name and place_of(name).is_dir()]
    hint = "Correct the paths, which are relative to the folder that Python runs in."
    if folders:
        hint = f"{folders[0]!r} is a folder: read each folder by itself, as from_files(folder)."
    elif any(letter in missing[0] for letter in "*?"):
        hint = "Patterns are not expanded here: give sorted(pathlib.Path(folder).glob('*.jpg'))."
    shown = ", ".join(repr(without_secrets(name)) for name in missing[:_SHOWN])
    raise DataError(
        f"{len(missing)} of {len(names)} paths lead to no file: {shown}{more}. "
        f"Expected image files that are there, or one folder. {hint}"
    )
