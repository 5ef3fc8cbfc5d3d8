"""The state of a stage after an epoch, in one file that appears whole or not at all."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from tlkit._disk.digests import digest_of
from tlkit._keras.types import Variable
from tlkit.errors import RunDirectoryError
from tlkit.training.run_dir.files import written

_CHECKSUM = "checksum"
_REPEATED = "repeated"


@dataclass
class Progress:
    """How far a stage has come; what a checkpoint holds besides arrays.

    Args:
        epoch: Epochs that are finished.
        history: Figures of each finished epoch.
        best_epoch: The epoch whose weights are kept, from 0; -1 before the first.
        best_value: The watched figure in that epoch.
        stopped: Whether a callback ended the stage early.
        learning_rate: The rate that a search found, if one did.
        seconds: Spent on training so far.
        callbacks: What each of the callbacks counts, as `callback_state` gives it.
        ends: For each snapshot so far, by its epochs, the epoch whose weights it holds, from 0.
    """

    epoch: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = -1
    best_value: float | None = None
    stopped: bool = False
    learning_rate: float | None = None
    seconds: float = 0.0
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ends = {int(epochs): end for epochs, end in self.ends.items()}  # JSON knows no such


def values(variables: Sequence[Variable]) -> list[np.ndarray]:
    """Return copies of the values of Keras variables."""
    # asarray first: Keras variables do not know the copy argument with which NumPy 2 calls them.
    return [np.array(np.asarray(variable)) for variable in variables]


def assign(variables: Sequence[Variable], arrays: Sequence[np.ndarray]) -> None:
    """Give Keras variables the values of arrays."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def write_checkpoint(file: Path, progress: Progress, groups: dict[str, list[np.ndarray]]) -> None:
    """Write a checkpoint beside its place and rename it into it.

    Args:
        file: Ends in ``.npz``.
        progress: How far the stage has come.
        groups: Arrays by name of their group. One that is in several places is written once.

    Raises:
        RunDirectoryError: It cannot be written; the checkpoint before it stays.
    """
    arrays: dict[str, np.ndarray] = {}
    repeated: dict[str, str] = {}
    known: dict[int, str] = {}
    for name, group in groups.items():
        for i, array in enumerate(group):
            key = f"{name}/{i}"
            first = known.setdefault(id(array), key)
            if first == key:
                arrays[key] = array
            else:
                repeated[key] = first
    arrays["progress"] = _as_array(vars(progress))
    arrays[_REPEATED] = _as_array(repeated)
    with written(file) as part, part.open("wb") as stream:
        _write_arrays(stream, arrays)


def read_checkpoint(file: Path) -> tuple[Progress, dict[str, list[np.ndarray]]]:
    """Return what `write_checkpoint` wrote.

    Raises:
        RunDirectoryError: The file is damaged.
    """
    try:
        # Opened here, since NumPy leaves a damaged archive open.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
        if arrays.pop(_CHECKSUM).tobytes() != _checksum(arrays):
            raise ValueError("its checksum does not fit its content")
        progress = Progress(**json.loads(arrays.pop("progress").tobytes()))
        repeated = json.loads(arrays.pop(_REPEATED).tobytes())
        arrays |= {key: arrays[first] for key, first in repeated.items()}
    except Exception as error:
        raise _damaged(file, error) from error
    groups: dict[str, list[np.ndarray]] = {}
    for key in sorted(arrays, key=lambda key: int(key.partition("/")[2])):
        groups.setdefault(key.partition("/")[0], []).append(arrays[key])
    return progress, groups


def read_progress(file: Path) -> Progress:
    """Return how far a stage has come, and leave its arrays, which may be large, unread.

    Raises:
        RunDirectoryError: That part of the file is damaged.
    """
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            return Progress(**json.loads(data["progress"].tobytes()))
    except Exception as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> RunDirectoryError:
    way_on = "Delete it to begin its stage again."
    return RunDirectoryError(f"The checkpoint {file} is damaged: {error}. {way_on}")


def _as_array(data: Mapping[str, object]) -> np.ndarray:
    return np.frombuffer(json.dumps(data).encode(), np.uint8)


def _write_arrays(stream: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Write what ``numpy.savez`` would, with a checksum at the end.

    The checksum is computed meanwhile, and nothing is copied, which NumPy does twice: training
    waits for this in every epoch.
    """
    with ThreadPoolExecutor(1) as beside, zipfile.ZipFile(stream, "w") as archive:
        checksum = beside.submit(_checksum, arrays)
        for key, array in arrays.items():
            _write_array(archive, key, array)
        _write_array(archive, _CHECKSUM, np.frombuffer(checksum.result(), np.uint8))


def _write_array(archive: zipfile.ZipFile, key: str, array: np.ndarray) -> None:
    whole = np.asarray(array, order="C")
    with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
        npy.write_array_header_1_0(member, npy.header_data_from_array_1_0(whole))
        member.write(_content(whole))


def _content(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _checksum(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Hash names, types, shapes and content: what a reader gets, not how the archive keeps it."""
    return digest_of(
        part
        for key, array in arrays.items()
        for part in (repr((key, array.dtype.str, array.shape)).encode(), _content(array))
    )
