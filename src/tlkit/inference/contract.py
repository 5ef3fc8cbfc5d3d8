"""What a saved model must be told about to be used: its classes, and how its pictures are read."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._disk.seals import check_seal, seal_archive
from tlkit._task import Task, two_columns
from tlkit._thresholds import checked_thresholds
from tlkit.data.decoding.decode import RESIZE
from tlkit.data.decoding.fitting import SQUASH, Fit, checked_fit
from tlkit.errors import DataError, PredictionError

MEMBER = "tlkit.json"
_FORMAT = "tlkit model"
_VERSION = 1
_UNREADABLE = (OSError, ValueError, LookupError, DataError)


@dataclass(frozen=True)
class ModelContract:
    """What travels with a model.

    In a ``.keras`` file it is the member ``tlkit.json`` of that zip archive, which plain Keras
    passes over and any program can read.

    Args:
        class_names: What the columns of the output are of, in order.
        image_size: (height, width) of the pictures in pixels, to which they are resized.
        depth: At which depth pictures of more than 8 bits were read for training; None where there
            were none.
        resized_inside: Whether the model takes pictures of any size and resizes them itself.
        fit: How pictures of another shape come to that size: ``"squash"``, ``"crop"`` or ``"pad"``.
        task: What its numbers mean: ``"multiclass"``, probabilities of classes, which sum to one;
            ``"binary"``, one number, the probability of the second class; ``"multilabel"``, the
            probability of each label.
        thresholds: Of a model of any number of labels, the probability from which on a picture is
            given each; None for 0.5.
    """

    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    depth: int | None = None
    resized_inside: bool = False
    fit: Fit = SQUASH
    task: Task = Task.MULTICLASS
    thresholds: tuple[float, ...] | None = None

    def add_to(self, file: Path) -> None:
        """Put the contract and a checksum over all into a ``.keras`` file that has neither.

        Raises:
            OSError: It cannot be written.
        """
        add_contract(file, self)
        seal_archive(file)

    def to_json(self) -> str:
        """Return the document, for people and programs."""
        from importlib.metadata import version

        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "tlkit": version("tlkit"),
            "pixels": "RGB, 0..255, upright by EXIF, transparent on white",
            "resize": RESIZE,
        }
        return json.dumps({**about, **asdict(self)}, indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelContract:
        """Read the document.

        Raises:
            ValueError, LookupError, DataError: It is not one.
        """
        found: Any = json.loads(text)
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ValueError(f"is no {_FORMAT!r}")
        if found.get("version") != _VERSION:
            raise ValueError(f"is of version {found.get('version')!r}, expected {_VERSION}")
        names, size, depth = found["class_names"], found["image_size"], found["depth"]
        task, cuts = Task(found.get("task", Task.MULTICLASS)), found.get("thresholds")
        right = (
            isinstance(names, list) and names and all(isinstance(name, str) for name in names),
            isinstance(size, list) and len(size) == 2 and all(type(x) is int for x in size),
            depth is None or type(depth) is int,
            type(found["resized_inside"]) is bool,
            cuts is None or (isinstance(cuts, list) and len(cuts) == len(names)),
        )
        if not all(right):
            raise ValueError("has other fields than it should have")
        fit = checked_fit(found.get("fit", SQUASH))  # which files of before it do not tell
        cuts = None if cuts is None else checked_thresholds(cuts, names, ValueError)
        return cls(
            tuple(names), (size[0], size[1]), depth, found["resized_inside"], fit, task, cuts
        )

    @property
    def cuts(self) -> NDArray[np.float64]:
        """The threshold of each label, (classes,)."""
        none = np.full(len(self.class_names), 0.5)
        return none if self.thresholds is None else np.array(self.thresholds)

    def labels_of(self, output: NDArray[Any]) -> NDArray[Any]:
        """Return what a model's output says of each picture.

        Args:
            output: What it gives, (n, classes), or (n, 1) of a single sigmoid.

        Returns:
            Class numbers (n,), or of any number of labels which each has, bool (n, classes).
        """
        if self.task is Task.MULTILABEL:
            return np.asarray(output >= self.cuts)
        return np.asarray(two_columns(output, len(self.class_names)).argmax(axis=-1))


def add_contract(file: Path, contract: ModelContract) -> None:
    """Put a contract into a ``.keras`` file that has none.

    Raises:
        OSError: It cannot be written.
    """
    # With a fixed time, so that the same model gives the same file.
    member = zipfile.ZipInfo(MEMBER, date_time=(1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(member, contract.to_json())


def read_contract(file: str | Path) -> ModelContract | None:
    """Read the contract of a saved model.

    Args:
        file: A ``.keras`` file.

    Returns:
        The contract; None for a file that tlkit did not write.

    Raises:
        PredictionError: It cannot be read, or is damaged.

    Example:
        >>> import tempfile, tlkit.testing
        >>> from tlkit.inference import save_model
        >>> model, folder = tlkit.testing.tiny_model(), tempfile.mkdtemp()
        >>> contract = ModelContract(("cat", "dog"), (16, 16))
        >>> save_model(model, Path(folder) / "x.keras", contract)
        >>> read_contract(Path(folder) / "x.keras").class_names
        ('cat', 'dog')
    """
    path = Path(file)
    try:
        check_seal(path, needed=False)
        with zipfile.ZipFile(path) as archive:
            if MEMBER not in archive.namelist():
                return None
            return ModelContract.from_json(archive.read(MEMBER))
    except (*_UNREADABLE, zipfile.BadZipFile, NotImplementedError) as error:
        raise PredictionError(
            f"{path} cannot be read as a saved model: {error}. Expected a .keras file as "
            "result.save or keras.Model.save write it; save the model again."
        ) from error
