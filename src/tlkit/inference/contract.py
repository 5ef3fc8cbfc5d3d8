"""What a saved model must be told about to be used: its classes, and how its pictures are read."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tlkit._disk.seals import check_seal
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
    """

    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    depth: int | None = None
    resized_inside: bool = False
    fit: Fit = SQUASH

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
        right = (
            isinstance(names, list) and names and all(isinstance(name, str) for name in names),
            isinstance(size, list) and len(size) == 2 and all(type(x) is int for x in size),
            depth is None or type(depth) is int,
            type(found["resized_inside"]) is bool,
        )
        if not all(right):
            raise ValueError("has other fields than it should have")
        fit = checked_fit(found.get("fit", SQUASH))  # which files of before it do not tell
        return cls(tuple(names), (size[0], size[1]), depth, found["resized_inside"], fit)


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
