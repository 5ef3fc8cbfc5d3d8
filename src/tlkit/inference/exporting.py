"""A model as a file for other programs, compared with Keras before it appears."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit._printing import Printed, counted
from tlkit.errors import PredictionError
from tlkit.inference._formats import FORMATS, Format
from tlkit.inference.contract import ModelContract

# Probabilities that differ by more are another model.
MOST = 0.01


@dataclass(frozen=True, repr=False)
class Exported(Printed):
    """A file that was written, and how near it comes to Keras.

    Args:
        path: The file or folder.
        format: Of it.
        files: All that was written, it among them.
        pictures: On how many pictures it was compared with Keras.
        difference: Largest difference between two probabilities, 0..1.
        changed: How many pictures have another label.
    """

    path: Path
    format: str
    files: tuple[Path, ...]
    pictures: int
    difference: float
    changed: int

    def __repr__(self) -> str:
        return f"Exported({str(self.path)!r}, {self.format})"

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.format}; on {counted(self.pictures, 'picture')} probabilities "
            f"differ from Keras's by at most {self.difference:.1e}, labels of {self.changed}"
        )


def export_model(
    model: Model,
    file: str | Path,
    contract: ModelContract,
    images: NDArray[np.uint8],
    *,
    format: str,
) -> Exported:
    """Write a model in another format with its class names, and compare it with Keras.

    Args:
        model: From raw images of one size to probabilities.
        file: Where; it ends as the format does, ``saved_model`` is a folder that is not there yet.
        contract: What travels with it.
        images: Pictures on which both are run, (n, height, width, 3), uint8, n at least 1.
        format: One of ``"onnx"``, ``"openvino"``, ``"litert"``, ``"saved_model"``.

    Raises:
        PredictionError: Another format or ending; what it needs is not installed; it cannot be
            exported or written; or it gives other probabilities than Keras. Then nothing is left.
    """
    target, how = Path(file), _checked(Path(file), format)
    given = images.astype("float32")
    expected = np.asarray(model.predict_on_batch(given))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as folder:
            part = Path(folder) / target.name
            how.write(model, part, contract)
            output = how.run(part, given)
            difference = _difference(output, expected, format)
            files = _moved(part, target, how)
    except PredictionError:
        raise
    except OSError as error:
        raise PredictionError(f"{target} cannot be written: {error}.") from error
    except Exception as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise PredictionError(
            f"The model {model.name!r} cannot be exported as {format!r}: {first}"
        ) from error
    changed = int(np.count_nonzero(output.argmax(-1) != expected.argmax(-1)))
    return Exported(target, format, files, len(images), difference, changed)


def _checked(target: Path, format: str) -> Format:
    if format not in FORMATS:
        raise PredictionError(
            f"format={format!r}; expected one of {', '.join(map(repr, FORMATS))}."
        )
    how = FORMATS[format]
    if target.suffix != how.suffix:
        ends = f"ends in {how.suffix!r}" if how.suffix else "has no ending: it is a folder"
        raise PredictionError(f"{str(target)!r} for {format!r}; expected a name that {ends}.")
    if not how.suffix and target.exists():
        raise PredictionError(f"{target} is there already. Remove it, or give another folder.")
    modules, install = how.needs
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise PredictionError(
            f"format={format!r} needs {', '.join(missing)}. Install it with: pip install {install}"
        )
    return how


def _difference(output: NDArray[Any], expected: NDArray[Any], format: str) -> float:
    if output.shape != expected.shape:
        raise PredictionError(
            f"The export to {format!r} gives an output of shape {output.shape}, and Keras "
            f"{expected.shape}. Nothing was written."
        )
    difference = float(np.abs(output - expected).max())
    if not difference <= MOST:
        raise PredictionError(
            f"The export to {format!r} gives other probabilities than Keras, by up to "
            f"{difference:.3g}. Nothing was written. Export in another format."
        )
    return difference


def _moved(part: Path, target: Path, how: Format) -> tuple[Path, ...]:
    """Put what was written in its place, what it refers to first."""
    moved = []
    for suffix in how.beside:
        beside = target.with_suffix(suffix)
        shutil.move(part.with_suffix(suffix), beside)
        moved.append(beside)
    shutil.move(part, target)
    return (target, *moved)
