"""A file that is asked for: where, in which format, and whether it can be written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from tlkit._disk.atomic import why_unwritable
from tlkit.errors import PredictionError
from tlkit.features.engines.on_jax import has_writer
from tlkit.inference._formats import FORMATS, Format
from tlkit.inference.contract import ModelContract
from tlkit.inference.saving import TakesPictures, check_input

Precision = Literal["float32", "int8"]


@dataclass(frozen=True)
class ExportTarget:
    """A file that is asked for, checked before any picture is read.

    Args:
        file: Where; it ends as the format does, ``saved_model`` is a folder that is not there yet.
        format: One of ``"onnx"``, ``"openvino"``, ``"litert"``, ``"saved_model"``.
        precision: ``"float32"``; of ``"openvino"`` and ``"litert"`` also ``"int8"``.
        input: ``"model size"``, or in float32 ``"any size"``.

    Raises:
        PredictionError: Another format, ending, precision or input; or what it needs is not
            installed.
    """

    file: Path
    format: str
    precision: Precision = "float32"
    input: TakesPictures = "model size"

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", Path(self.file))
        check_input(self.input)
        if self.input == "any size" and self.precision == "int8":
            raise PredictionError(
                "input='any size' was asked for with precision='int8', which has no exact numbers "
                "to resize with. Leave one of them out."
            )
        if self.format not in FORMATS:
            raise PredictionError(
                f"format={self.format!r}; expected one of {', '.join(map(repr, FORMATS))}."
            )
        _check_place(self.file, self.format, self.how.suffix)
        _check_precision(self.format, self.precision)
        modules, install = (
            self.how.needs if self.precision == "float32" else self.how.quantize_needs
        )
        missing = [module for module in modules if find_spec(module) is None]
        if missing and not (missing == ["tf2onnx"] and has_writer()):
            asked = f"format={self.format!r}"
            asked += f", precision={self.precision!r}" * (self.precision != "float32")
            raise PredictionError(
                f"{asked} needs {', '.join(missing)}. Install it with: pip install {install}"
            )

    @property
    def how(self) -> Format:
        """How it is written and read."""
        return FORMATS[self.format]

    def compared(self, contract: ModelContract) -> ModelContract:
        """Return a contract of the size of pictures on which it is compared with Keras."""
        if self.input == "model size":
            return contract
        height, width = contract.image_size
        return replace(contract, image_size=(height + height // 2 + 1, 2 * width + 1))


def _check_place(target: Path, format: str, suffix: str) -> None:
    if target.suffix != suffix:
        ends = f"ends in {suffix!r}" if suffix else "has no ending: it is a folder"
        raise PredictionError(f"{str(target)!r} for {format!r}; expected a name that {ends}.")
    if not suffix and target.exists():
        raise PredictionError(f"{target} is there already. Remove it, or give another folder.")
    why = why_unwritable(target)
    if why:
        raise PredictionError(f"{target} cannot be written: {why}. Give another place.")


def _check_precision(format: str, precision: str) -> None:
    if precision not in ("float32", "int8"):
        raise PredictionError(f"precision={precision!r}; expected 'float32' or 'int8'.")
    able = [name for name, how in FORMATS.items() if how.quantize is not None]
    if precision == "int8" and format not in able:
        raise PredictionError(
            f"precision='int8' for {format!r}; expected one of the formats that have it: "
            f"{', '.join(map(repr, able))}."
        )
