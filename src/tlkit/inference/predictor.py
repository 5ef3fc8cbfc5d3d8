"""Labels for new pictures from a trained model, in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from tlkit._keras.types import ModelOrResult
from tlkit._printing import one_line
from tlkit._progress import reporter_for
from tlkit._task import Task
from tlkit._thresholds import Thresholds
from tlkit.data.class_names import shown_names
from tlkit.errors import PredictionError
from tlkit.evaluation.predict import LabelledImages
from tlkit.features.engines.precision import FLOAT32, TrunkPrecision, check_precision
from tlkit.features.engines.registry import installed_engines
from tlkit.features.store.store import open_store
from tlkit.inference._batched_keras import BATCH
from tlkit.inference._engine import RunningModel
from tlkit.inference._export_pictures import (
    calibration_pictures,
    check_test,
    compared_pictures,
)
from tlkit.inference._export_steps import DONE, READING, ExportSteps
from tlkit.inference._kept_running import KeptRunning
from tlkit.inference._precision import Precisely, asked_precision
from tlkit.inference._rows import Rows
from tlkit.inference.export_target import ExportTarget, Precision
from tlkit.inference.exporting import Exported, export_model
from tlkit.inference.opening import opened
from tlkit.inference.pictures import Given, as_pictures, read_ahead
from tlkit.inference.prediction import Prediction
from tlkit.inference.prediction_files import columns
from tlkit.inference.predictions import Predictions
from tlkit.inference.saving import TakesPictures


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
        trunk_precision: At which all of it is run, as for `tlkit.StagedTrainer`. Below float32 the
            labels of up to 300 of the pictures that are to be predicted are compared with
            float32's first, and int8 is calibrated on up to 256 of them; ``Predictions.precision``
            says what came of it, and it is refused where it does harm.
        cache: Where exported models are kept, as for `tlkit.StagedTrainer`.

    Raises:
        PredictionError: There is no such file, it is no model or damaged, or names do not fit.
        EngineError: There is no such engine or precision.

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
        trunk_precision: TrunkPrecision = "float32",
        cache: bool | str | Path = True,
    ) -> None:
        if engine != "auto":
            installed_engines().get(engine)
        check_precision(trunk_precision)
        self.model, self.contract = opened(model, class_names, image_size, thresholds)
        self.engine, self.trunk_precision, self.cache = engine, trunk_precision, cache
        self._kept = KeptRunning()

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
            EngineError: An engine cannot run the model; no engine has the precision here, there
                are too few pictures for int8, or the labels do not stand it.
        """
        count, ended = self._top(top), list[RunningModel]()
        rows = list(self._rows(pictures, count, verbose, ended))
        (ran,) = ended
        notes, given = [ran.note], (self.class_names, count)
        return Predictions(rows, *given, notes, task=self.task, precision=ran.check)

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
        input: TakesPictures = "model size",
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
            input: ``"any size"``, for float32, lets the file resize its pictures itself, as
                `tlkit.inference.save_model` says.
            calibration: For int8: pictures like those that it will see, given as for `predict`. Up
                to 300 of them, evenly spread over all, tell how large activations get.
            test: A labelled data set. All of it is run by both instead of ``pictures``, and the
                weighted F1 of both is compared, as `tlkit.compare` does.
            verbose: 0 shows nothing, 1 a progress bar.

        Returns:
            What was written, how near it comes to Keras, and with ``test`` the F1 that it costs.

        Raises:
            PredictionError: Another format, ending, precision or input; what it needs is not
                installed; it cannot be exported or written; a float32 file gives other
                probabilities than Keras; the calibration's pictures are missing, too few, damaged
                or of other classes.
            EvaluationError: ``test`` has no labels, or classes that the model does not know.
        """
        asked = ExportTarget(Path(file), format, precision, input)
        if test is not None:
            check_test(test, self.contract)
        shown = ExportSteps(reporter_for(verbose), format)
        shown(READING, 0.0)
        calibrating = calibration_pictures(calibration, self.contract, precision)
        images = calibrating if pictures is None else None
        if images is None and test is None:
            images = compared_pictures(pictures, asked.compared(self.contract))
        given = (self.model, self.contract, asked, images)
        exported = export_model(*given, calibration=calibrating, test=test, show=shown)
        shown(DONE, 0.0)
        return exported

    def _rows(
        self, given: Given, top: int, verbose: int, ended: list[RunningModel]
    ) -> Iterator[Prediction]:
        pictures, reporter = as_pictures(given, self.contract), reporter_for(verbose)
        done, total, named = 0, len(pictures), Rows(self.contract, top)
        precisely = None
        if self.trunk_precision != FLOAT32:
            how = (self.trunk_precision, pictures, self.contract, reporter.step)
            precisely = Precisely(self.trunk_precision, lambda: asked_precision(*how))
        with (
            open_store(self.cache, shared=False) as store,
            self._kept.running(self.model, self.engine, store, precisely) as running,
        ):
            for places, images, errors in read_ahead(pictures, self.image_size, BATCH):
                outputs = running.run(images, total - done) if len(images) else images
                names = [pictures.names[place] for place in places.tolist()]
                yield from named.of(names, outputs, [errors.get(x) for x in places.tolist()])
                done += len(places)
                reporter.step("pictures", done, total)
            ended.append(running)

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
