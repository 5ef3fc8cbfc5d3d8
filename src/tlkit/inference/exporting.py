"""A model as a file for other programs, compared with Keras before it appears."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sized
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.full_precision import in_float32
from tlkit._keras.types import Model
from tlkit._printing import Printed, counted
from tlkit.errors import EngineError, PredictionError, TlkitError
from tlkit.evaluation.comparing.comparison import Comparison
from tlkit.evaluation.predict import LabelledImages
from tlkit.inference._export_steps import CALIBRATING, WRITING, Show, counting, silently
from tlkit.inference._formats import Format
from tlkit.inference._parity import Parity, ServedModel, on_data_set, on_pictures
from tlkit.inference.contract import ModelContract
from tlkit.inference.export_target import ExportTarget, Precision

# Probabilities of a float32 file that differ by more are another model.
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
        precision: In which it computes, ``"float32"`` or ``"int8"``.
        calibrated_on: From how many pictures int8 was made.
        comparison: Of the weighted F1 of ``"keras"`` and of the file, by the name of its precision,
            on a labelled data set; None without one.
    """

    path: Path
    format: str
    files: tuple[Path, ...]
    pictures: int
    difference: float
    changed: int
    precision: Precision = "float32"
    calibrated_on: int = 0
    comparison: Comparison | None = None

    @property
    def f1_cost(self) -> float | None:
        """By how much the weighted F1 is lower than Keras's; below 0 where it is higher."""
        if self.comparison is None:
            return None
        scores = dict(self.comparison.scores)
        return scores["keras"] - scores[self.precision]

    def __repr__(self) -> str:
        return f"Exported({str(self.path)!r}, {self.format}, {self.precision})"

    def __str__(self) -> str:
        made = f" from {counted(self.calibrated_on, 'picture')}" if self.calibrated_on else ""
        told = (
            f"{self.path}: {self.format}, {self.precision}{made}; "
            f"on {counted(self.pictures, 'picture')} probabilities "
            f"differ from Keras's by at most {self.difference:.1e}, labels of {self.changed}"
        )
        if self.comparison is None:
            return told
        scores = dict(self.comparison.scores)
        (pair,) = self.comparison.pairs
        scored = f"weighted F1 {scores[self.precision]:.4f}, Keras's {scores['keras']:.4f}"
        return f"{told}; {scored}: {pair.sentence}"


def export_model(
    model: Model,
    contract: ModelContract,
    asked: ExportTarget,
    images: NDArray[np.uint8] | None,
    *,
    calibration: NDArray[np.uint8] | None = None,
    test: LabelledImages | None = None,
    show: Show = silently,
) -> Exported:
    """Write a model in another format with its class names, and compare it with Keras.

    One that resizes its pictures is compared on pictures of another size than the model's. A model
    of mixed precision is written, and compared, with its weights in float32, but for a SavedModel:
    other runtimes than TensorFlow's lack some of its types or mean something else by them.

    Args:
        model: From raw images of one size to probabilities.
        contract: What travels with it.
        asked: What is written.
        images: Pictures on which both are run, (n, height, width, 3), uint8, n at least 1, as large
            as ``asked.compared`` says; or None, where there is a test.
        calibration: For int8, from which it learns how large activations get, as ``images``.
        test: Labelled pictures, on which both are run and scored.
        show: Called with what is done next, and with the share of it that is done, 0..1.

    Raises:
        PredictionError: It cannot be exported or written; or it gives other probabilities than
            Keras. Then nothing is left.
        EvaluationError: The test's classes are not the model's.
    """
    target, how = asked.file, asked.how
    try:
        model = model if asked.format == "saved_model" else in_float32(model)
        if asked.input == "any size":
            from tlkit.inference._any_size import of_any_size

            model, contract = of_any_size(model, contract)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as folder:
            part = Path(folder) / target.name
            show(WRITING, 0.0)
            if calibration is None:
                how.write(model, part, contract)
            else:
                assert how.quantize is not None
                how.quantize(model, part, contract, calibration, partial(show, CALIBRATING))
            compared: Sized = test if test is not None else images  # type: ignore[assignment]
            run = counting(how.reader(part), len(compared), show)
            served = ServedModel(run, asked.compared(contract), model)
            parity = _compared(model, served, asked, images, test)
            files = _moved(part, target, how)
    except EngineError as error:  # of the process that writes beside another backend
        raise PredictionError(_refusal(model, asked, error)) from error
    except TlkitError:
        raise
    except OSError as error:
        raise PredictionError(f"{target} cannot be written: {error}.") from error
    except Exception as error:
        raise PredictionError(_refusal(model, asked, error)) from error
    found = (parity.pictures, parity.difference, parity.changed, asked.precision)
    count = 0 if calibration is None else len(calibration)
    return Exported(target, asked.format, files, *found, count, parity.comparison)


def _compared(
    model: Model,
    served: ServedModel,
    asked: ExportTarget,
    images: NDArray[np.uint8] | None,
    test: LabelledImages | None,
) -> Parity:
    if test is not None:
        parity = on_data_set(model, served, asked.precision, test)
    else:
        assert images is not None
        parity = on_pictures(model, served, images)
    if asked.precision == "float32" and not parity.difference <= MOST:
        raise PredictionError(
            f"The export to {asked.format!r} gives other probabilities than Keras, by up to "
            f"{parity.difference:.3g}. Nothing was written. Export in another format."
        )
    return parity


def _refusal(model: Model, asked: ExportTarget, error: Exception) -> str:
    first = (str(error) or type(error).__name__).splitlines()[0]
    inside = " with int8 inside" if asked.precision == "int8" else ""
    return f"The model {model.name!r} cannot be exported as {asked.format!r}{inside}: {first}"


def _moved(part: Path, target: Path, how: Format) -> tuple[Path, ...]:
    """Put what was written in its place, what it refers to first."""
    moved = []
    for suffix in how.beside:
        beside = target.with_suffix(suffix)
        shutil.move(part.with_suffix(suffix), beside)
        moved.append(beside)
    shutil.move(part, target)
    return (target, *moved)
