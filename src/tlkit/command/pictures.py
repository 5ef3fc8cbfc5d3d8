"""Folders of pictures as the command reads them, and the part that is held out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import tlkit
from tlkit._urls import without_secrets
from tlkit.command.answer import say
from tlkit.errors import SplitError

if TYPE_CHECKING:
    from tlkit.data.decoding.fitting import Fit
    from tlkit.training.run_dir.recorded_run import RecordedSettings

# The share of the pictures that `tlkit train` holds out where it is given no others.
HELD_OUT = 0.2
# Of more classes the table is cut: what matters is seen by then.
_CLASSES = 40


def read_pictures(
    folder: Path | str,
    *,
    skip_damaged: bool = False,
    class_names: Sequence[str] | None = None,
    fit: Fit = "squash",
    depth: int | None = None,
) -> tlkit.ImageDataset:
    """Return the pictures of a folder of class folders, and say what of it is left out.

    Args:
        folder: The folder.
        class_names: The classes in order, of which the folder may have some; None for its folders.
        skip_damaged: Whether to leave out those that cannot be read; every one is decoded for it.
        fit: How they come to the size of a model.
        depth: At which those of more than 8 bits are read; None to find it in them.

    Raises:
        DataError: It is no such folder.
    """
    read = tlkit.ImageDataset.from_directory
    found = read(folder, class_names=class_names, fit=fit, depth=depth)
    if skip_damaged:
        report = found.check()
        say(str(report))
        found = found.without_damaged(report)
    elif found.ignored:
        from tlkit.data.ignored import told_ignored

        say(f"{without_secrets(str(folder))}{told_ignored(found.ignored).replace(';', ':')}")
    return found


def table_of_classes(parts: Mapping[str, tlkit.ImageDataset]) -> str:
    """Return how many pictures each class has, as a table with a column for each part.

    Args:
        parts: Data sets by the heads of their columns. Classes are in the order of the first.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((3, 8, 8, 3), np.uint8)
        >>> data = tlkit.ImageDataset.from_arrays(images, ["cat", "dog", "cat"])
        >>> print(table_of_classes({"training": data}))
        class     training
        cat              2
        dog              1
        together         3
    """
    counts = [data.class_counts for data in parts.values()]
    names = list(dict.fromkeys(name for each in counts for name in each))
    left = len(names) - _CLASSES
    cut = [[f"... and {left:,} more", *["" for _ in counts]]] if left > 0 else []
    rows = [
        ["class", *parts],
        *([name, *(f"{each.get(name, 0):,}" for each in counts)] for name in names[:_CLASSES]),
        *cut,
        ["together", *(f"{len(data):,}" for data in parts.values())],
    ]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        "  ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]).rstrip() for row in rows
    )


def was_trained_on(data: tlkit.ImageDataset, run: RecordedSettings) -> bool:
    """Return whether pictures are those that a run was trained on, or hold them.

    Args:
        data: The pictures.
        run: What `tlkit train` was asked for: on these, or on what it took of them.
    """
    known = {data.fingerprint}
    with warnings.catch_warnings(), suppress(SplitError):
        warnings.simplefilter("ignore")  # of a picture on both sides, when it was split at first
        known.add(data.split(HELD_OUT, seed=run.seed)[0].fingerprint)
    return run.train.fingerprint in known
