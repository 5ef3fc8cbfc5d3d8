"""Files of whole models, as Keras writes them, read in one way wherever they are named."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from tlkit._disk.seals import check_seal
from tlkit._keras.types import Model
from tlkit.errors import TlkitError

_OWN_LAYERS = (
    " A model with layers of your own needs their classes: import them, registered with "
    "keras.saving.register_keras_serializable."
)


def read_model(file: str | PathLike[str], error: type[TlkitError], way_out: str) -> Model:
    """Read a model that Keras saved, without what it was compiled with.

    Args:
        file: A ``.keras`` file.
        error: What is raised where it cannot be read.
        way_out: What to do then, a sentence.

    Raises:
        TlkitError: It is no such file, was damaged, or needs a class that is not here.
    """
    import keras

    try:
        check_seal(Path(file), needed=False)
        model: Model = keras.saving.load_model(file, compile=False)
    except Exception as problem:
        unknown = _OWN_LAYERS if isinstance(problem, TypeError) else ""
        raise error(
            f"The model in {file} cannot be read: {_first_line(problem)}{unknown} {way_out}"
        ) from problem
    return model


def _first_line(problem: Exception) -> str:
    """Return what an error says; Keras goes on for pages."""
    line = str(problem).strip().partition("\n")[0] or type(problem).__name__
    return line if line.endswith(".") else f"{line}."
