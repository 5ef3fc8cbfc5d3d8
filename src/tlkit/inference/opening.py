"""A model from wherever it is, with what it takes to use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from tlkit._keras.model_files import read_model
from tlkit._keras.types import Model, ModelOrResult
from tlkit._task import Task
from tlkit._thresholds import Thresholds, checked_thresholds
from tlkit.data.class_names import known_names, shown_names
from tlkit.data.decoding.decode import as_size
from tlkit.data.labels import check_class_names
from tlkit.errors import PredictionError
from tlkit.evaluation.predict import fixed_size
from tlkit.inference.contract import ModelContract, read_contract

ImageSize = int | tuple[int, int]


def opened(
    given: ModelOrResult | str | PathLike[str],
    class_names: Sequence[str] | None,
    image_size: ImageSize | None,
    thresholds: Thresholds | None = None,
) -> tuple[Model, ModelContract]:
    """Return a model that takes pictures of one size, and its contract.

    Args:
        given: What a training returned, a ``.keras`` file, a run directory, or a keras.Model.
        class_names: What is told about its columns; None where it is to know.
        image_size: What is told about its pictures; None where it is to know.
        thresholds: From which probability on a picture is given each label, where it tells any
            number of them; None where it is to know.

    Raises:
        PredictionError: It is none of these, or what is told and what it knows do not fit.
    """
    if isinstance(given, (str, PathLike)):
        model, known = _from_file(Path(given))
        names = known.class_names if known else None
    else:
        model, known = _model_of(given), _contract_of(given)
        names = known_names(given)
    names = _agreed(model, names, class_names)
    size = _size(model, known, image_size)
    model = _of_size(model, size, known is not None and known.resized_inside)
    contract = known or ModelContract(names, size, task=_task(model, thresholds))
    contract = replace(contract, class_names=names, image_size=size, resized_inside=False)
    if thresholds is None:
        return model, contract
    if contract.task is not Task.MULTILABEL:
        raise PredictionError(
            f"thresholds={thresholds!r}, and the model {model.name!r} tells one class of each "
            "picture, the most probable. Leave them out."
        )
    cuts = checked_thresholds(thresholds, names, PredictionError)
    return model, replace(contract, thresholds=cuts)


def _task(model: Model, thresholds: Thresholds | None) -> Task:
    """Return what a model without a contract tells: any number of labels where it is asked to."""
    outputs = model.output_shape[-1]
    if thresholds is not None and outputs != 1:
        return Task.MULTILABEL
    return Task.BINARY if outputs == 1 else Task.MULTICLASS


def _contract_of(given: Any) -> ModelContract | None:
    known = getattr(given, "contract", None)
    return known if isinstance(known, ModelContract) else None


def _model_of(given: Any) -> Model:
    candidates: tuple[Any, ...] = (given, getattr(given, "model", None))
    for candidate in candidates:
        if hasattr(candidate, "predict_on_batch"):
            model: Model = candidate
            return model
    raise PredictionError(
        f"{type(given).__name__} is no model; expected what fit() returned, a keras.Model, or the "
        "path of a .keras file or of a run directory."
    )


def _from_file(path: Path) -> tuple[Model, ModelContract | None]:
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file():
        what = "holds no model.keras: its training did not end" if path.is_dir() else "is no file"
        raise PredictionError(
            f"{str(path)!r} {what}; expected a .keras file, or the directory of a finished run."
        )
    contract = read_contract(file)
    way_out = "Give a .keras file that keras.saving.load_model reads, or the loaded model itself."
    return read_model(file, PredictionError, way_out), contract


def _agreed(
    model: Model, known: tuple[str, ...] | None, given: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the names of a model's columns, told or known."""
    if given is None and known is None:
        raise PredictionError(
            f"The model {model.name!r} does not know the names of its classes. Give class_names= "
            "in the order in which it was trained; a file that result.save writes knows them."
        )
    if given is None:
        assert known is not None
        return known
    told = check_class_names(list(given))
    if known is not None and told != known:
        raise PredictionError(
            f"class_names are {shown_names(told)}, and the model's are {shown_names(known)}, in "
            "this order. Leave class_names out: the model knows them."
        )
    return told


def _size(model: Model, contract: ModelContract | None, given: ImageSize | None) -> tuple[int, int]:
    fixed = fixed_size(model)
    told = None if given is None else as_size(given)
    size = told or fixed or (contract.image_size if contract else None)
    if size is None:
        raise PredictionError(
            f"The model {model.name!r} takes pictures of any size. Give the image_size= at which "
            "it was trained."
        )
    if fixed is not None and size != fixed:
        raise PredictionError(
            f"image_size={given!r}, and the model takes {fixed[0]} x {fixed[1]} pixels. Leave "
            "image_size out."
        )
    return size


def _of_size(model: Model, size: tuple[int, int], resized_inside: bool) -> Model:
    """Return a model that takes pictures of one size, as engines need it."""
    if fixed_size(model) == size:
        return model
    import keras

    if resized_inside:  # in front of the model proper, which pictures of this size do not need
        within: Any = model.layers[-1]
        if fixed_size(within) == size:
            inner: Model = within
            return inner

    images = keras.Input((*size, 3))
    fixed: Model = keras.Model(images, model(images), name=model.name)
    return fixed
