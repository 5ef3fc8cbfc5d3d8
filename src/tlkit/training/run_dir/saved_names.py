"""What the columns of a saved model are of: known where its file lies in its run directory."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from tlkit.errors import RunDirectoryError
from tlkit.inference.contract import read_contract
from tlkit.training.run_dir.run_directory import RunDirectory


def names_of_file(file: str | PathLike[str]) -> tuple[str, ...] | None:
    """Return the classes of a weights file or a model that tlkit wrote, or None.

    A ``.keras`` file knows them itself. Weights alone are known by their run directory: a file of
    them that was moved out of it, or was saved elsewhere, tells nothing.

    Args:
        file: ``RUN/model.keras``, ``RUN/stages/01-NAME/weights.weights.h5`` or another.

    Raises:
        RunDirectoryError: It lies in a run directory whose settings are damaged.
    """
    path = Path(file).resolve()
    contract = read_contract(path) if path.suffix == ".keras" else None
    if contract is not None:
        return contract.class_names
    folder = path.parent
    root = folder.parent.parent if folder.parent.name == "stages" else folder
    known = RunDirectory(root).settings() if (root / "stages").is_dir() else None
    if known is None:
        return None
    try:
        return tuple(str(name) for name in known["train"]["class_names"])
    except (LookupError, TypeError) as error:
        raise RunDirectoryError(
            f"{root / 'settings.json'} does not tell the classes of {path.name}: {error!r}. Copy "
            "the file out of this folder to use it without."
        ) from error
