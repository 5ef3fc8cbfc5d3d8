"""A model into a file that plain Keras loads, with what it takes to use it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from tlkit._disk.atomic import whole_file
from tlkit._disk.seals import seal_archive
from tlkit._keras.types import Model
from tlkit.errors import PredictionError
from tlkit.inference.contract import ModelContract, add_contract

TakesPictures = Literal["model size", "any size"]


def save_model(
    model: Model,
    file: str | Path,
    contract: ModelContract,
    *,
    input: TakesPictures = "model size",
) -> None:
    """Save a model with its contract.

    Args:
        model: From raw images ``(n, height, width, 3)``, RGB, 0..255, to probabilities.
        file: Where, ending in ``.keras``; a file that is there is replaced once the new one is
            whole.
        contract: What travels with it.
        input: ``"any size"`` puts stock Keras operations in front that resize as tlkit does, so
            that pictures go in as ``keras.utils.load_img(file, color_mode="rgba")`` gives them, one
            size in each batch.
            A fourth channel is alpha, and what is transparent becomes white; RGB goes in too.

    Raises:
        PredictionError: Another ending or ``input``, or it cannot be written; nothing is left.
    """
    path = Path(file)
    if path.suffix != ".keras":
        raise PredictionError(
            f"{str(path)!r} ends in {path.suffix!r}; expected a name that ends in '.keras'."
        )
    check_input(input)
    if input == "any size":
        from tlkit.inference._any_size import of_any_size

        model, contract = of_any_size(model, contract)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            write_model(model, part, contract)
    except (OSError, RuntimeError) as error:
        if not isinstance(error, OSError) and type(error) is not RuntimeError:
            raise  # h5py's way to say that the system cannot write is a plain RuntimeError
        raise PredictionError(
            f"{path} cannot be written: {error}. Free some space or give another place."
        ) from error


def check_input(given: object) -> None:
    """Refuse what is no `TakesPictures`.

    Raises:
        PredictionError: Says what was given.
    """
    if given not in get_args(TakesPictures):
        raise PredictionError(f"input={given!r}; expected 'model size' or 'any size'.")


def write_model(model: Model, part: Path, contract: ModelContract | None) -> None:
    """Write a model, its contract and a checksum over both to a path that ends in ``.keras``.

    Raises:
        OSError, RuntimeError: It cannot be written.
    """
    type(model).save(model, part)  # its own would take a contract along too
    if contract is not None:
        add_contract(part, contract)
    seal_archive(part)
