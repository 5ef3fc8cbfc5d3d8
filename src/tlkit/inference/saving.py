"""A model into a file that plain Keras loads, with what it takes to use it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from tlkit._disk.atomic import whole_file
from tlkit._disk.seals import seal_archive
from tlkit._keras.types import Model, SymbolicTensor
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
        input: ``"any size"`` puts stock Keras layers in front that resize, so that pictures go in
            as ``keras.utils.load_img(file, color_mode="rgba")`` gives them, one size in each batch.
            A fourth channel is alpha, and what is transparent becomes white; RGB goes in too.

    Raises:
        PredictionError: Another ending or ``input``, or it cannot be written; nothing is left.
    """
    path = Path(file)
    if path.suffix != ".keras":
        raise PredictionError(
            f"{str(path)!r} ends in {path.suffix!r}; expected a name that ends in '.keras'."
        )
    if input not in ("model size", "any size"):
        raise PredictionError(f"input={input!r}; expected 'model size' or 'any size'.")
    if input == "any size":
        model, contract = _resizing(model, contract)
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


def write_model(model: Model, part: Path, contract: ModelContract | None) -> None:
    """Write a model, its contract and a checksum over both to a path that ends in ``.keras``.

    Raises:
        OSError, RuntimeError: It cannot be written.
    """
    type(model).save(model, part)  # its own would take a contract along too
    if contract is not None:
        add_contract(part, contract)
    seal_archive(part)


def _resizing(model: Model, contract: ModelContract) -> tuple[Model, ModelContract]:
    """Return a model that reads pictures as Pillow does, up to rounding, and its contract."""
    import keras

    height, width = contract.image_size
    images = keras.Input((None, None, None), name="pictures")
    resize = keras.layers.Resizing(
        height,
        width,
        antialias=True,
        crop_to_aspect_ratio=contract.fit == "crop",
        pad_to_aspect_ratio=contract.fit == "pad",
        name="resize",
    )
    # A Resizing that is not told takes the whole call for training: ``model(images)`` would let
    # BatchNormalization learn from them. Pillow, which reads the pictures, gives whole numbers.
    whole = keras.ops.clip(keras.ops.round(resize(_on_white(images), training=False)), 0, 255)
    outer = keras.Model(images, model(whole), name=f"{model.name}_any_size")
    return outer, replace(contract, resized_inside=True)


def _on_white(images: SymbolicTensor) -> SymbolicTensor:
    """Return RGB of RGB or RGBA, what is transparent on white, as `tlkit.ImageDataset` reads it."""
    import keras

    images = keras.ops.cast(images, "float32")
    # A fourth channel is alpha; of pictures that have none, this is the one that is added.
    opaque = keras.ops.full_like(images[..., :1], 255)
    bands = keras.ops.concatenate([images, opaque], axis=-1)
    colours, alpha = keras.ops.take(bands, [0, 1, 2], axis=-1), keras.ops.take(bands, [3], axis=-1)
    seen: SymbolicTensor = keras.ops.round(255 + (colours - 255) * alpha / 255)
    return seen
