"""A search by epoch in a file, from which it goes on after an interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tlkit.errors import RunDirectoryError
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.sweep.kept import SweepState
from tlkit.training.run_dir.checkpoint import Progress, read_checkpoint, write_checkpoint

# A rate that takes longer is kept at once; of shorter ones so much is lost at most.
EVERY_S = 10.0
_LISTS = ("losses", "accuracies", "validation_losses")


class KeptSweep:
    """Keeps how far a search is, not more often than every ten seconds.

    Args:
        file: Ends in ``.npz``; in a folder that is there.
        about: What is searched for with what; another search does not go on from the file.
    """

    def __init__(self, file: Path, about: str = "") -> None:
        self._file, self._about = file, about
        self._last = time.monotonic()

    def read(self) -> SweepState | None:
        """Return how far an earlier search came, or None.

        Raises:
            RunDirectoryError: The file is damaged, or of another search.
        """
        if not self._file.is_file():
            return None
        progress, arrays = read_checkpoint(self._file)
        if progress.callbacks != self._told:
            raise RunDirectoryError(
                f"{self._file} keeps a search with other settings or images. Give another file, or "
                "delete it to begin this search."
            )
        losses, accuracies, validation_losses = (progress.history[name] for name in _LISTS)
        return SweepState(losses, accuracies, validation_losses, arrays.get("state", []))

    def write(self, state: Callable[[], SweepState]) -> None:
        """Keep how far it is, unless that was done just now.

        Raises:
            RunDirectoryError: It cannot be written.
        """
        if time.monotonic() - self._last < EVERY_S:
            return
        found = state()
        self._write({name: list(getattr(found, name)) for name in _LISTS}, found.values)
        self._last = time.monotonic()

    def finish(self, curve: LRCurve) -> None:
        """Keep what a search by epoch has measured to its end, so that it is not done again.

        Raises:
            RunDirectoryError: It cannot be written.
        """
        lists = curve.losses, curve.accuracies, curve.validation_losses
        unknown = [math.nan] * len(curve.losses)
        told = [unknown if each is None else [float(x) for x in each] for each in lists]
        self._write(dict(zip(_LISTS, told, strict=True)), ())

    def _write(self, history: dict[str, list[float]], values: Sequence[np.ndarray]) -> None:
        progress = Progress(len(history["losses"]), history, callbacks=self._told)
        write_checkpoint(self._file, progress, {"state": list(values)})

    @property
    def _told(self) -> list[dict[str, str]]:
        return [{"search": self._about}]
