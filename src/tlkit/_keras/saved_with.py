"""A model whose own ``save`` puts more than Keras does into a ``.keras`` file."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path
from typing import Any, Protocol


class Travelling(Protocol):
    """What belongs into a model's file besides the model."""

    def add_to(self, file: Path) -> None:
        """Put it into a ``.keras`` file that has none."""
        ...


def saved_with(model: Any, more: Travelling) -> Any:
    """Return the model, whose ``save`` from now on takes something along.

    Files in other formats, and those on file systems of Keras's own, are written as ever.

    Args:
        model: A keras.Model.
        more: What to take along.
    """

    def save(filepath: str | PathLike[str], *args: Any, **settings: Any) -> None:
        # By way of the class: a model that was given something before takes this in its place.
        type(model).save(model, filepath, *args, **settings)
        file = Path(filepath)
        if file.suffix == ".keras" and zipfile.is_zipfile(file):
            more.add_to(file)

    model.save = save
    return model
