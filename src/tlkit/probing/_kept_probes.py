"""Finished probes in a folder, so that a ranking that was interrupted does not make them again."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from tlkit import __version__
from tlkit._disk.atomic import remove_parts, whole_file
from tlkit._disk.digests import digest_of
from tlkit._regression.standardized import Doubles, Floats
from tlkit.data.deals import Ints
from tlkit.errors import RunDirectoryError

_log = logging.getLogger("tlkit")


class KeptProbes:
    """Keeps the probabilities that probes gave, each by everything that they were made from.

    So a file can be of no other pictures, labels, folds or network than those that are asked for,
    and rankings of other candidates can share a folder.

    Args:
        folder: Made where it is not there.

    Raises:
        RunDirectoryError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(folder / "writable") as part:
                part.touch()
            (folder / "writable").unlink()
        except OSError as error:
            raise RunDirectoryError(
                f"checkpoint={str(folder)!r}: {error}; expected a folder that can be written, in "
                "which finished probes are kept. Give another, or None to keep none."
            ) from error
        remove_parts(folder)

    def read(self, key: str, shape: tuple[int, int]) -> Doubles | None:
        """Return the probabilities of a probe, float64 ``(n, classes)``; None where none are kept.

        A file that is damaged is told, removed and counts as none.
        """
        file = self._file(key)
        try:
            # Given a name, np.load leaves the file open where it is damaged.
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
                found = kept["probabilities"]
            if found.shape != shape or found.dtype != np.float64:
                raise ValueError(f"it holds {found.dtype} {found.shape}, expected float64 {shape}")
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - damaged in any way
            _log.warning("%s is damaged and its probe is made again: %s", file, error)
            file.unlink(missing_ok=True)
            return None
        return np.asarray(found, np.float64)

    def write(self, key: str, probabilities: Doubles) -> None:
        """Keep the probabilities of a probe.

        Raises:
            RunDirectoryError: They cannot be written.
        """
        try:
            with whole_file(self._file(key)) as part:
                np.savez(part, probabilities=probabilities)
        except OSError as error:
            raise RunDirectoryError(
                f"{self._folder} cannot be written: {error}. The same call goes on from the probes "
                "that are kept there."
            ) from error

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.npz"


def probe_key(features: Floats, labels: Ints, folds: Ints, classes: int) -> str:
    """Return the name of what a probe of these gives, by this version of tlkit.

    Args:
        features: Float32 ``(n, d)``.
        labels: Class numbers ``(n,)``.
        folds: Number of each picture's fold ``(n,)``.
        classes: How many there are.
    """
    rows = np.ascontiguousarray(features)
    about = f"{__version__} {rows.dtype} {rows.shape} {classes}"
    numbers = [np.ascontiguousarray(each, np.int64) for each in (labels, folds)]
    return digest_of([about.encode(), rows.data, *(each.data for each in numbers)]).hex()[:32]
