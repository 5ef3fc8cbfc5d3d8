"""The images in a folder and in the folders below it, and what lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tlkit.data.decoding.decode import EXTENSIONS
from tlkit.data.sources._places import Place, RemotePath, below

# What systems and devices leave among pictures: small copies of them, and halves of Mac files.
NOT_FOR_PEOPLE = frozenset({"@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found"})

ENDINGS = ", ".join(sorted(EXTENSIONS))


def sorted_out(folder: Place, top: Place) -> tuple[list[Place], list[str]]:
    """Return the images in a folder and below it, and what else there is.

    Hidden files and folders (their name starts with a dot) are passed over.

    Args:
        folder: The folder.
        top: It, or a folder above it.

    Returns:
        Images, sorted by name; and the paths below ``top`` of what is none, by its name's ending,
        of folders in which systems keep copies of pictures (``@eaDir``, ``__MACOSX``), and of
        links that lead out of the folder.
    """
    inside = folder.resolve()  # a class folder itself may be a link
    images, others = [], []
    for path in _walk(folder):
        if path.suffix.lower() in EXTENSIONS and path.is_file() and _stays(path, inside):
            images.append(path)
        else:
            others.append(below(path, top))
    return images, others


def _stays(path: Place, inside: Place) -> bool:
    if isinstance(path, RemotePath) or isinstance(inside, RemotePath):
        return True
    return not path.is_symlink() or path.resolve().is_relative_to(inside)


def _walk(folder: Place) -> Iterator[Place]:
    for path in visible(folder):
        # A link to a folder may lead in a circle: it is not followed, and is listed as ignored.
        left_out = path.is_symlink() or path.name in NOT_FOR_PEOPLE
        if path.is_dir() and not left_out:
            yield from _walk(path)
        else:
            yield path


def visible(folder: Place) -> list[Place]:
    """Return what a folder holds and does not hide, sorted by name."""
    if isinstance(folder, RemotePath):
        return [place for place in folder.children() if not place.name.startswith(".")]
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    return [folder / name for name in names]
