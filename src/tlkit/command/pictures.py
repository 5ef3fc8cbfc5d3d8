"""Folders of pictures as the command reads them, and the part that is held out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
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


def read_pictures(
    folder: Path | str,
    *,
    skip_damaged: bool = False,
    class_names: Sequence[str] | None = None,
    fit: Fit = "squash",
) -> tlkit.ImageDataset:
    """Return the pictures of a folder of class folders, and say what of it is left out.

    Args:
        folder: The folder.
        class_names: The classes in order, of which the folder may have some; None for its folders.
        skip_damaged: Whether to leave out those that cannot be read; every one is decoded for it.
        fit: How they come to the size of a model.

    Raises:
        DataError: It is no such folder.
    """
    found = tlkit.ImageDataset.from_directory(folder, class_names=class_names, fit=fit)
    if skip_damaged:
        report = found.check()
        say(str(report))
        found = found.without_damaged(report)
    elif found.ignored:
        from tlkit.data.ignored import told_ignored

        say(f"{without_secrets(str(folder))}{told_ignored(found.ignored).replace(';', ':')}")
    return found


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
