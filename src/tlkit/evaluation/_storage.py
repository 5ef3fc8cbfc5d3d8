"""Predictions in a file: NumPy arrays and a line of JSON in one ``.npz``, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._disk.atomic import whole_file
from tlkit.errors import EvaluationError

_VERSION = 1
_TEXTS = ("class_names", "image_names")

Stored = NDArray[np.generic] | Sequence[str] | None


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Args:
        format: What it says of itself.
        arrays: Names of its arrays.
    """

    format: str
    arrays: tuple[str, ...]

    @property
    def about(self) -> dict[str, Any]:
        """What each file of the kind says of itself."""
        return {"format": self.format, "version": _VERSION}


CLASSES = Kind("tlkit evaluation", ("y_true", "probabilities", "image_digests"))
LABELS = Kind(
    "tlkit multi-label evaluation", ("y_true", "probabilities", "image_digests", "thresholds")
)


def write_arrays(
    path: str | PathLike[str], content: Mapping[str, Stored], kind: Kind = CLASSES
) -> None:
    """Write arrays and names; the file appears whole or not at all.

    Args:
        path: The file, named as it is given.
        content: Arrays or None under the kind's names, names or None under `_TEXTS`.
        kind: Of the file.

    Raises:
        EvaluationError: It cannot be written.
    """
    file = Path(path)
    arrays: dict[str, Any] = {key: content[key] for key in kind.arrays if content[key] is not None}
    texts = {key: content[key] for key in _TEXTS}
    about = json.dumps({**kind.about, "arrays": list(arrays), **texts})
    try:
        with whole_file(file) as part, part.open("wb") as stream:
            np.savez(stream, about=np.frombuffer(about.encode("ascii"), np.uint8), **arrays)
    except OSError as error:
        raise EvaluationError(
            f"{file} cannot be written: {error}. Give a file in a folder that exists and has room."
        ) from error


def read_arrays(path: str | PathLike[str], kind: Kind = CLASSES) -> dict[str, Any]:
    """Read what `write_arrays` wrote.

    Raises:
        EvaluationError: There is no such file, or it is damaged or something else.
    """
    try:
        # Opened here, since NumPy leaves a file open that it cannot read.
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            about = json.loads(found["about"].tobytes())
            if {key: about[key] for key in kind.about} != kind.about:
                raise ValueError(f"it says {about['format']!r}, version {about['version']!r}")
            arrays = {key: found[key] for key in kind.arrays if key in found.files}
            # In a damaged archive a name can be lost, and its array would be one never known.
            if list(arrays) != about.get("arrays", list(arrays)):
                raise ValueError(f"it says that it holds {about['arrays']}")
            return {**arrays, **{key: about[key] for key in _TEXTS}}
    except FileNotFoundError as error:
        raise EvaluationError(
            f"there is no file {path}; write one with evaluation.save(path)."
        ) from error
    except Exception as why:  # a changed header can end in anything
        raise EvaluationError(
            f"{path} is no evaluation that this version of tlkit can read ({why}); expected a file "
            "that evaluation.save(path) wrote. Evaluate again and save."
        ) from why
