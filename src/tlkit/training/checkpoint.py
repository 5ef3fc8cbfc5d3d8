"""The state of a stage after an epoch, in one file that appears whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tlkit.errors import RunDirectoryError

_FIGURES = (int, float, bool, str, type(None))


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
        callbacks: Plain attributes of each of the user's callbacks.
    """

    epoch: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = -1
    best_value: float | None = None
    stopped: bool = False
    learning_rate: float | None = None
    seconds: float = 0.0
    callbacks: list[dict[str, Any]] = field(default_factory=list)


def values(variables: Sequence[Any]) -> list[np.ndarray]:
    """Return copies of the values of Keras variables."""
    # asarray first: Keras variables do not know the copy argument with which NumPy 2 calls them.
    return [np.array(np.asarray(variable)) for variable in variables]


def assign(variables: Sequence[Any], arrays: Sequence[np.ndarray]) -> None:
    """Give Keras variables the values of arrays."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def write_checkpoint(file: Path, progress: Progress, groups: dict[str, list[np.ndarray]]) -> None:
    """Write a checkpoint beside its place and rename it into it.

    Args:
        file: Ends in ``.npz``.
        progress: How far the stage has come.
        groups: Arrays by name of their group.

    Raises:
        RunDirectoryError: It cannot be written; the checkpoint before it stays.
    """
    arrays = {f"{name}/{i}": a for name, group in groups.items() for i, a in enumerate(group)}
    text = json.dumps(vars(progress)).encode()
    with whole_file(file) as part, part.open("wb") as stream:
        np.savez(stream, progress=np.frombuffer(text, np.uint8), **arrays)  # type: ignore[arg-type]


def read_checkpoint(file: Path) -> tuple[Progress, dict[str, list[np.ndarray]]]:
    """Return what `write_checkpoint` wrote.

    Raises:
        RunDirectoryError: The file is damaged.
    """
    groups: dict[str, list[np.ndarray]] = {}
    try:
        # Opened here, since NumPy leaves a damaged archive open.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            progress = Progress(**json.loads(data["progress"].tobytes()))
            for key in data.files:
                if "/" in key:
                    groups.setdefault(key.split("/")[0], []).append(data[key])
    except Exception as error:
        raise RunDirectoryError(
            f"The checkpoint {file} is damaged: {error}. Delete it to begin its stage again."
        ) from error
    return progress, groups


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Give a path to write to, and rename it to ``file`` if no error came.

    Args:
        file: Where the finished file appears.

    Raises:
        RunDirectoryError: It cannot be written; nothing is left behind.
    """
    part = file.with_name(f".{os.getpid()}-{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(file)
    except OSError as error:
        raise RunDirectoryError(
            f"{file} cannot be written: {error}. Free some space or give another folder."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def callback_state(callback: Any) -> dict[str, Any]:
    """Return the plain attributes of a callback: counters, best values, cooldowns."""
    # A Keras callback that watches a figure turns the sign of min_delta at its first look, and
    # looks for the first time again after a resumption.
    turned = "min_delta" if hasattr(callback, "monitor_op") else None
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(callback).items()
        if isinstance(value, (*_FIGURES, np.generic)) and name != turned
    }


def restore_callback(callback: Any, state: dict[str, Any]) -> None:
    """Put the attributes of `callback_state` back."""
    for name, value in state.items():
        setattr(callback, name, value)
