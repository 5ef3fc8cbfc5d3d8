"""Labels for new pictures from a trained model, in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import ModelOrResult
from tlkit._printing import one_line
from tlkit._progress import reporter_for
from tlkit._task import Task, two_columns
from tlkit._thresholds import Thresholds
from tlkit.data.class_names import shown_names
from tlkit.errors import PredictionError
from tlkit.evaluation.predict import LabelledImages
from tlkit.features.engines.registry import installed_engines
from tlkit.features.store.store import open_store
from tlkit.inference._engine import BATCH, RunningModel
from tlkit.inference._export_pictures import (
    calibration_pictures,
    check_test,
    compared_pictures,
)
from tlkit.inference._export_steps import DONE, READING, ExportSteps
from tlkit.inference.exporting import Exported, ExportTarget, Precision, export_model
from tlkit.inference.opening import opened
from tlkit.inference.pictures import Given, as_pictures, read_ahead
from tlkit.inference.prediction import Prediction
from tlkit.inference.prediction_files import columns
from tlkit.inference.predictions import Predictions


class Predictor:
    """Gives pictures the names of a trained model's classes.

    Pictures are read exactly as for training. What cannot be read is a row with the reason. A model
    of any number of labels gives each picture those whose probability reaches their threshold.

    Args:
        model: What a training returned, a ``.keras`` file, a run directory, or a keras.Model.
        class_names: What its columns are of, in order; where the model does not know. One that
            knows must agree.
        image_size: Side in pixels or (height, width), for a model that takes any size and does not
            say.
        thresholds: Of a model of any number of labels: a number in 0..1, or one for each label, in
            their order or by name. None for those that it knows, or 0.5. A keras.Model is taken to
            be of any number of labels where they are given.
        engine: What runs it: ``"auto"``, or the name of an engine.
        cache: Where exported models are kept, as for `tlkit.StagedTrainer`.

    Raises:
        PredictionError: There is no such file, it is no model or damaged, or names do not fit.

    Example:
        >>> import keras, numpy as np
        >>> from tlkit import Predictor
        >>> model = keras.Sequential([
        ...     keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
        >>> predictor = Predictor(model, class_names=["cat", "dog"])
        >>> rows = predictor.predict(np.zeros((1, 16, 16, 3), np.uint8), verbose=0)
        >>> sorted(rows[0].labels)
        ['cat', 'dog']
    """

    def __init__(
        self,
        model: ModelOrResult | str | PathLike[str],
        *,
        class_names: Sequence[str] | None = None,
        image_size: int | tuple[int, int] | None = None,
        thresholds: Thresholds | None = None,
        engine: str = "auto",
        cache: bool | str | Path = True,
    ) -> None:
        if engine != "auto":
            installed_engines().get(engine)
        self.model, self.contract = opened(model, class_names, image_size, thresholds)
        self.engine, self.cache = engine, cache

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the columns of the output are of, in order."""
        return self.contract.class_names

    @property
    def task(self) -> Task:
        """What the model tells of a picture: one class, or any number of labels."""
        return self.contract.task

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """From which probability on a picture is given each label; None for 0.5."""
        return self.contract.thresholds

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels to which pictures are resized."""
        return self.contract.image_size

    def predict(self, pictures: Given, *, top: int | None = 5, verbose: int = 1) -> Predictions:
        """Return named labels for pictures.

        Args:
            pictures: A folder, of which all pictures below are taken; a file, or a sequence of
                files; an array ``(n, height, width, 3)``, uint8, 0..255, RGB; or a data set.
            top: How many labels each row has; None for all classes. Of a model of any number of
                labels each row has those that reach their thresholds, however many.
            verbose: 0 shows nothing, 1 a progress bar.

        Returns:
            A row for each picture, in their order.

        Raises:
            PredictionError: There is no picture, or the model does not give probabilities.
            DataError: A folder or an array is not what it should be, or a data set is not read as
                the pictures that the model was trained on.
        """
        count, notes = self._top(top), list[str]()
        rows = list(self._rows(pictures, count, verbose, notes))
        return Predictions(rows, self.class_names, count, notes, task=self.task)

    def rows(
        self, pictures: Given, *, top: int | None = 5, verbose: int = 0
    ) -> Iterator[Prediction]:
        """Yield the same rows one by one, as soon as their batch is done.

        Args:
            pictures: As for `predict`, and so are the others.
            top: How many labels each row has.
            verbose: 0 shows nothing, 1 a progress bar.
        """
        return self._rows(pictures, self._top(top), verbose, [])

    def export(
        self,
        file: str | Path,
        *,
        format: str,
        pictures: Given | None = None,
        precision: Precision = "float32",
        calibration: Given | None = None,
        test: LabelledImages | None = None,
        verbose: int = 1,
    ) -> Exported:
        """Write the model for other programs, with its class names, and compare it with Keras.

        A file of ``precision="int8"`` takes and gives float32 as the other does. Inside, weights
        and activations are integers of 8 bits: a quarter of the size, faster on many processors,
        and a little less right.

        Args:
            file: Where; it ends in ``.onnx``, ``.xml`` or ``.tflite``, a SavedModel is a folder.
            format: ``"onnx"``, ``"openvino"``, ``"litert"`` or ``"saved_model"``.
            pictures: Of these 64, spread over all, are run by both; None for 32 of noise, or for
                those of the calibration.
            precision: ``"float32"``; for OpenVINO and LiteRT also ``"int8"``.
            calibration: For int8: pictures like those that it will see, given as for `predict`. Up
                to 300 of them, evenly spread over all, tell how large activations get.
            test: A labelled data set. All of it is run by both instead of ``pictures``, and the
                weighted F1 of both is compared, as `tlkit.compare` does.
            verbose: 0 shows nothing, 1 a progress bar.

        Returns:
            What was written, how near it comes to Keras, and with ``test`` the F1 that it costs.

        Raises:
            PredictionError: Another format, ending or precision; what it needs is not installed; it
                cannot be exported or written; a float32 file gives other probabilities than Keras;
                the calibration's pictures are missing, too few, damaged or of other classes.
            EvaluationError: ``test`` has no labels, or classes that the model does not know.
        """
        asked = ExportTarget(Path(file), format, precision)
        if test is not None:
            check_test(test, self.contract)
        shown = ExportSteps(reporter_for(verbose), format)
        shown(READING, 0.0)
        calibrating = calibration_pictures(calibration, self.contract, precision)
        images = calibrating if pictures is None else None
        if images is None and test is None:
            images = compared_pictures(pictures, self.contract)
        given = (self.model, self.contract, asked, images)
        exported = export_model(*given, calibration=calibrating, test=test, show=shown)
        shown(DONE, 0.0)
        return exported

    def _rows(self, given: Given, top: int, verbose: int, notes: list[str]) -> Iterator[Prediction]:
        pictures, reporter = as_pictures(given, self.contract), reporter_for(verbose)
        done, total = 0, len(pictures)
        with open_store(self.cache) as store:
            running = RunningModel(self.model, self.engine, store)
            for places, images, errors in read_ahead(pictures, self.image_size, BATCH):
                outputs = self._outputs(running, images, total - done)
                for place in places.tolist():
                    name = pictures.names[place]
                    if place in errors:
                        yield Prediction(name, error=errors[place])
                    else:
                        yield self._row(name, next(outputs), top)
                done += len(places)
                reporter.step("pictures", done, total)
            notes.append(running.note)

    def _outputs(
        self, running: RunningModel, images: NDArray[np.uint8], left: int
    ) -> Iterator[NDArray[Any]]:
        if not len(images):
            return iter(())
        output = running.run(images, left)
        if self.task is not Task.MULTILABEL:
            output = two_columns(output, len(self.class_names))
        if output.shape != (len(images), len(self.class_names)):
            raise PredictionError(
                f"the model gave an output of shape {output.shape} for {len(images)} pictures; "
                f"expected {(len(images), len(self.class_names))}, a probability for each of "
                f"{shown_names(self.class_names)}. Give the class_names that it was trained on."
            )
        return iter(output)

    def _row(self, name: str, output: NDArray[Any], top: int) -> Prediction:
        if not np.isfinite(output).all():
            return Prediction(name, error="the model gave numbers that are not finite")
        order = np.argsort(-output, kind="stable")
        several = self.task is Task.MULTILABEL
        best = (order[self.contract.labels_of(output)[order]] if several else order[:top]).tolist()
        labels = tuple(self.class_names[column] for column in best)
        found = tuple(float(output[column]) for column in best)
        if not several:
            return Prediction(name, labels, found)
        every = dict(zip(self.class_names, output.astype(float).tolist(), strict=True))
        return Prediction(name, labels, found, by_class=every)

    def columns(self, top: int | None = 5) -> tuple[str, ...]:
        """Return the columns of the tables of so many labels; see `Predictions.columns`."""
        return columns(self._top(top), self.class_names if self.task is Task.MULTILABEL else ())

    def _top(self, top: int | None) -> int:
        if top is None:
            return len(self.class_names)
        if isinstance(top, bool) or not isinstance(top, (int, np.integer)) or top < 1:
            raise PredictionError(f"top={top!r}; expected a number of labels, 1 or more, or None.")
        return min(int(top), len(self.class_names))

    def __repr__(self) -> str:
        names = f"{len(self.class_names)} classes: {shown_names(self.class_names)}"
        return one_line(f"Predictor({self.model.name}, {names})")
