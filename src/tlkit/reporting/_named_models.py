"""Models with what their columns are of, and whether one of them gave an evaluation."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from tlkit._keras.layers import leaf_layers
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Model
from tlkit._task import Task, two_columns
from tlkit.data.class_names import is_numbering, known_names
from tlkit.data.labelled_images import LabelledImages
from tlkit.evaluation.arrays import Ints
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics.per_image import margins
from tlkit.evaluation.predict import size_of
from tlkit.inference.contract import ModelContract, read_contract
from tlkit.inference.opening import opened
from tlkit.reporting._gallery import ModelLike, loaded
from tlkit.reporting._runs import Run
from tlkit.training.run_dir.saved_names import names_of_file

_ASKED = 8  # images of each kind: enough to tell two models apart, and one batch
# How far a probability computed again may be off: another size of batch, or a GPU that multiplies
# with 11 bits; and in models that compute with 8 or 11 bits themselves.
_ROUNDING, _HALF_ROUNDING = 5e-3, 2e-2


@dataclass(frozen=True)
class NamedModel:
    """A model with what its columns are of.

    Args:
        model: A keras.Model.
        class_names: In the order of its columns; None where nobody knows.
        words: What to call it in a message.
        contract: What travels with its file; None where nothing does.
    """

    model: Model
    class_names: tuple[str, ...] | None
    words: str
    contract: ModelContract | None = None

    @property
    def task(self) -> Task | None:
        """What it tells of an image; None where nobody knows."""
        return None if self.contract is None else self.contract.task

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """From which probability on an image is given each label; None for 0.5."""
        return None if self.contract is None else self.contract.thresholds


@dataclass(frozen=True, eq=False)
class Match:
    """What a model gives, held against an evaluation.

    Args:
        columns: The model's column of each class of the evaluation; None where the evaluation is
            not of this model.
        gap: By how much a probability differs at most; None where the classes do.
    """

    columns: Ints | None
    gap: float | None

    @property
    def told(self) -> str:
        """What differs, in words."""
        if self.gap is None:
            return "its classes are others"
        return f"its probabilities differ by up to {self.gap:.2g}"


def given_model(given: ModelLike) -> NamedModel:
    """Return a model that was given, or that of its file."""
    contract = getattr(given, "contract", None)
    names = known_names(given)
    if isinstance(given, (str, PathLike)):
        names, contract = names_of_file(given), _contract(given)
        if contract is not None and contract.resized_inside:
            given, contract = opened(given, None, None)  # the model proper, of one size
    return NamedModel(loaded(given), names, "the model that was given", contract)


def model_of_run(run: Run) -> NamedModel | None:
    """Return the model that a run ended with, or None."""
    if run.model is None:
        return None
    words, given = f"the model of run {run.name!r}", run.model
    contract = (
        _contract(given) if isinstance(given, (str, PathLike)) else getattr(given, "contract", None)
    )
    return NamedModel(loaded(given), run.class_names, words, contract)


def _contract(file: str | PathLike[str]) -> ModelContract | None:
    return read_contract(Path(file)) if zipfile.is_zipfile(file) else None


def columns_by_name(model: NamedModel, found: AnyEvaluation) -> Ints:
    """Return the model's column of each class of what it was just evaluated to."""
    return next(_numberings(model, found))


def match(model: NamedModel, found: AnyEvaluation, dataset: LabelledImages) -> Match:
    """Ask a model about some images, and hold what it gives against what was stored.

    Args:
        model: The model.
        found: An evaluation of the dataset, perhaps by another model.
        dataset: Its images.
    """
    places = _telling(found)
    images = dataset.load(places, size_of(model.model))
    given = np.asarray(predict_on_batch(model.model, images), np.float64)
    if isinstance(found, Evaluation):
        given = two_columns(given, len(found.class_names))
    stored = found.probabilities[places]
    numberings = list(_numberings(model, found)) if given.shape == stored.shape else []
    if not numberings:
        return Match(None, None)
    gaps = [float(np.abs(given[:, columns] - stored).max()) for columns in numberings]
    least = int(np.argmin(gaps))
    close = gaps[least] <= _rounding(model.model)
    return Match(numberings[least] if close else None, gaps[least])


def _numberings(model: NamedModel, found: AnyEvaluation) -> Iterator[Ints]:
    """Yield the columns by name, and as they stand where one of the two knows no names."""
    names = model.class_names
    if names is not None and set(names) == set(found.class_names):
        yield np.array([names.index(name) for name in found.class_names])
    if names is None or is_numbering(found.class_names):
        yield np.arange(len(found.class_names))


def _telling(found: AnyEvaluation) -> Ints:
    """Return images by which models can be told apart: the least sure ones, and some of all."""
    unsure = np.argsort(margins(found.probabilities), kind="stable")[:_ASKED]
    spread = np.linspace(0, len(found) - 1, min(_ASKED, len(found))).astype(np.int64)
    return np.union1d(unsure, spread)


def _rounding(model: Model) -> float:
    half = any("16" in str(getattr(each, "compute_dtype", "")) for each in leaf_layers(model))
    return _HALF_ROUNDING if half else _ROUNDING
