"""What every result with a model can do: label pictures, be saved and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from tlkit.evaluation.predict import LabelledImages
from tlkit.features.engines.precision import TrunkPrecision
from tlkit.inference.contract import ModelContract
from tlkit.inference.export_target import Precision
from tlkit.inference.exporting import Exported
from tlkit.inference.pictures import Given
from tlkit.inference.predictions import Predictions
from tlkit.inference.predictor import Predictor
from tlkit.inference.saving import TakesPictures, save_model


class HasContract(Protocol):
    """A model, and what it takes to use it."""

    @property
    def model(self) -> Any:
        """The keras.Model, from raw RGB images, 0..255, to probabilities."""

    @property
    def contract(self) -> ModelContract:
        """Its classes, and how its pictures are read."""


class UsableModel:
    """Give this to a result that has a ``model`` and a ``contract``."""

    def predict(
        self: HasContract,
        pictures: Given,
        *,
        top: int | None = 5,
        engine: str = "auto",
        trunk_precision: TrunkPrecision = "float32",
        verbose: int = 1,
    ) -> Predictions:
        """Return named labels for pictures; see `tlkit.Predictor`.

        Args:
            pictures: A folder, a file, a sequence of files, an array, or a data set.
            top: How many labels each row has; None for all classes.
            engine: What runs the model.
            trunk_precision: At which all of it is run.
            verbose: 0 shows nothing, 1 a progress bar.
        """
        predictor = Predictor(self, engine=engine, trunk_precision=trunk_precision)
        return predictor.predict(pictures, top=top, verbose=verbose)

    def save(self: HasContract, file: str | Path, *, input: TakesPictures = "model size") -> None:
        """Save the model with its class names; plain Keras loads the file.

        Args:
            file: Where, ending in ``.keras``.
            input: ``"any size"`` lets the model resize its pictures itself; see
                `tlkit.inference.save_model`.

        Raises:
            PredictionError: Another ending or ``input``, or it cannot be written.
        """
        save_model(self.model, file, self.contract, input=input)

    def export(
        self: HasContract,
        file: str | Path,
        *,
        format: str,
        pictures: Given | None = None,
        precision: Precision = "float32",
        input: TakesPictures = "model size",
        calibration: Given | None = None,
        test: LabelledImages | None = None,
        verbose: int = 1,
    ) -> Exported:
        """Write the model for other programs; see `Predictor.export`.

        Args:
            file: Where.
            format: ``"onnx"``, ``"openvino"``, ``"litert"`` or ``"saved_model"``.
            pictures: On which it is compared with Keras.
            precision: ``"float32"`` or ``"int8"``.
            input: ``"any size"`` lets the file resize its pictures itself.
            calibration: For int8, pictures like those that it will see.
            test: A labelled data set, on which it is compared with Keras and scored.
            verbose: 0 shows nothing, 1 a progress bar.
        """
        return Predictor(self).export(
            file,
            format=format,
            pictures=pictures,
            precision=precision,
            input=input,
            calibration=calibration,
            test=test,
            verbose=verbose,
        )
