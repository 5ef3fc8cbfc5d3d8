"""Which evaluation a page looks at closely: one of the model that the rest of the page is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from tlkit._keras.layers import leaf_layers
from tlkit.data.class_names import is_numbering, known_names, positions
from tlkit.data.dataset import ImageDataset
from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Ints
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics.per_image import margins
from tlkit.evaluation.predict import size_of
from tlkit.reporting._gallery import check_same, fits, loaded
from tlkit.reporting._runs import Run
from tlkit.training.run_dir.saved_names import names_of_file

_ASKED = 8  # images of each kind: enough to tell two models apart, and one batch
# How far a probability computed again may be off: another device or another size of batch.
_ROUNDING, _HALF_ROUNDING = 1e-3, 2e-2


@dataclass(frozen=True)
class NamedModel:
    """A model with what its columns are of.

    Args:
        model: A keras.Model.
        class_names: In the order of its columns; None where nobody knows.
        words: What to call it in a message.
    """

    model: Any
    class_names: tuple[str, ...] | None
    words: str


@dataclass(frozen=True)
class Choice:
    """The evaluation that is looked at closely.

    Args:
        name: Of the evaluation; None where there is none.
        model: What gave it; None where that is not known.
        columns: The model's column of each class of the evaluation.
        remarks: What a reader must know about what belongs together, sentences.
    """

    name: str | None = None
    model: Any = None
    columns: Ints | None = None
    remarks: tuple[str, ...] = ()


def given_model(given: Any) -> NamedModel:
    """A model that was given, or its file."""
    file = isinstance(given, (str, PathLike))
    names = names_of_file(given) if file else known_names(given)
    return NamedModel(loaded(given), names, "the model that was given")


def model_of_run(run: Run) -> NamedModel | None:
    """The model that a run ended with, or None."""
    if run.model is None:
        return None
    return NamedModel(loaded(run.model), run.class_names, f"the model of run {run.name!r}")


def check_class_names(evaluations: Mapping[str, Evaluation], runs: Sequence[Run]) -> None:
    """Refuse evaluations of other classes than the run that they stand beside.

    Of a single run all do; of several an evaluation that is called like one of them.

    Raises:
        EvaluationError: Says both lists.
    """
    for run in runs:
        known = run.class_names
        own = evaluations if len(runs) == 1 else {run.name} & set(evaluations)
        for name in own if known else ():
            found = evaluations[name].class_names
            if is_numbering(found) and len(found) == len(known or ()):
                continue  # it was made without names
            positions(
                known or (),
                found,
                words=(f"run {run.name!r}", f"the evaluation {name!r}"),
                way_out="Give an evaluation of this run's model.",
                error=EvaluationError,
            )


def choose(
    evaluations: Mapping[str, Evaluation],
    detail: str | None,
    runs: Sequence[Run],
    given: NamedModel | None,
    dataset: ImageDataset,
) -> Choice:
    """Choose the best evaluation, of those that are of the page's model where there is one.

    Args:
        evaluations: By name, at least one.
        detail: The one that is asked for, or None.
        runs: What the page tells of.
        given: The model that was given, or None.
        dataset: The images.

    Raises:
        EvaluationError: No evaluation, or not the one asked for, is of the model or the images.
    """
    ranked = [detail] if detail is not None else best_first(evaluations)
    if not any(fits(evaluations[name], dataset) for name in ranked):
        check_same(evaluations[ranked[0]], dataset)
    known = {name: evaluations[name] for name in ranked if fits(evaluations[name], dataset)}
    if given is not None:
        return _of_given(_first_of(known, given, dataset), known, runs, dataset)
    if len(runs) == 1:
        own = model_of_run(runs[0])
        if own is None:
            return Choice(next(iter(known)), remarks=unchecked(runs))
        return _told(_first_of(known, own, dataset), evaluations, runs[0].name)
    return _of_several(next(iter(known)), evaluations, runs, dataset)


def best_first(evaluations: Mapping[str, Evaluation]) -> list[str]:
    """Names by weighted F1."""
    return sorted(evaluations, key=lambda name: -evaluations[name].weighted_f1)


def unchecked(runs: Sequence[Run]) -> tuple[str, ...]:
    """Say that nobody looked whether the evaluations are of the run, where there is one run."""
    if len(runs) != 1 or not runs[0].stages:
        return ()
    why = "it has no finished model" if runs[0].model is None else "no dataset was given to ask it"
    return (
        f"Whether the evaluation is of the model of run {runs[0].name!r} was not checked: {why}.",
    )


def _first_of(
    evaluations: Mapping[str, Evaluation], model: NamedModel, dataset: ImageDataset
) -> Choice:
    """The first evaluation that is what a model gives.

    Raises:
        EvaluationError: There is none.
    """
    gaps = []
    for name, found in evaluations.items():
        gap, columns = _compared(model, found, dataset)
        if columns is not None:
            return Choice(name, model, columns)
        gaps.append(f"{name!r} (probabilities differ by up to {gap:.2g})")
    raise EvaluationError(
        f"What {model.words} gives on these images is not what was stored as "
        f"{' or '.join(gaps[:3])}; what stands on one page must be of one model. Give this model's "
        "own evaluation, or model=... that was evaluated, or all runs as {'name': run, ...}. An "
        "evaluation of several views, or of a calibrated model, may stand beside the plain one: "
        "evaluations={'plain': ..., '8 views': ...}."
    )


def _told(choice: Choice, evaluations: Mapping[str, Evaluation], run: str) -> Choice:
    """Name better evaluations that were passed over, and one that only has the run's name."""
    best = best_first(evaluations)[0]
    score = {name: evaluations[name].weighted_f1 for name in evaluations}
    remarks = []
    if choice.name is not None and score[best] > score[choice.name]:
        remarks.append(
            f"{best!r}, with the best weighted F1 of {score[best]:.3f}, is not what the model of "
            f"run {run!r} gives; this page looks closely at {choice.name!r}, which is."
        )
    elif run in evaluations and choice.name != run:
        remarks.append(f"The model of run {run!r} gave {choice.name!r}, not {run!r}.")
    return Choice(choice.name, choice.model, choice.columns, tuple(remarks))


def _of_given(
    choice: Choice, evaluations: Mapping[str, Evaluation], runs: Sequence[Run], dataset: Any
) -> Choice:
    """Say where the model that was given is not the one that the page's single run ended with."""
    own = model_of_run(runs[0]) if len(runs) == 1 else None
    if own is None or choice.name is None:
        return choice
    _, columns = _compared(own, evaluations[choice.name], dataset)
    told = (
        f"{choice.name!r} is of the model that was given, which is not the one that run "
        f"{runs[0].name!r} ended with: training is told of that run, all else of {choice.name!r}."
    )
    return Choice(
        choice.name, choice.model, choice.columns, () if columns is not None else (told,)
    )


def _of_several(
    chosen: str, evaluations: Mapping[str, Evaluation], runs: Sequence[Run], dataset: ImageDataset
) -> Choice:
    """Hold evaluations that are called like a run against its model."""
    choice, remarks = Choice(chosen), []
    for run in runs:
        found = evaluations.get(run.name)
        if found is None or not fits(found, dataset):
            continue
        model = model_of_run(run)
        if model is None:
            continue
        gap, columns = _compared(model, found, dataset)
        if columns is None:
            remarks.append(
                f"The evaluation {run.name!r} is not what {model.words} gives: its probabilities "
                f"differ by up to {gap:.2g}. It may be of another model."
            )
        elif run.name == chosen:
            choice = Choice(chosen, model, columns)
    return Choice(choice.name, choice.model, choice.columns, tuple(remarks))


def _compared(
    model: NamedModel, found: Evaluation, dataset: ImageDataset
) -> tuple[float, Ints | None]:
    """How far a model is from what was stored, and its columns where it is what gave that."""
    places = _telling(found)
    images = dataset.load(places, size_of(model.model))
    given = np.asarray(model.model.predict_on_batch(images), np.float64)
    stored = found.probabilities[places]
    if given.shape != stored.shape:
        return 1.0, None
    gaps = [
        (float(np.abs(given[:, columns] - stored).max()), columns)
        for columns in _numberings(model, found)
    ]
    gap, columns = min(gaps, key=lambda each: each[0], default=(1.0, None))
    return gap, columns if gap <= _rounding(model.model) else None


def _numberings(model: NamedModel, found: Evaluation) -> Iterator[Ints]:
    """The columns by name; as they stand where one of the two knows no names."""
    names = model.class_names
    if names is not None and set(names) == set(found.class_names):
        yield np.array([names.index(name) for name in found.class_names])
    if names is None or is_numbering(found.class_names):
        yield np.arange(len(found.class_names))


def _telling(found: Evaluation) -> Ints:
    """Images by which models can be told apart: the least sure ones, and some of all."""
    unsure = np.argsort(margins(found.probabilities), kind="stable")[:_ASKED]
    spread = np.linspace(0, len(found) - 1, min(_ASKED, len(found))).astype(np.int64)
    return np.union1d(unsure, spread)


def _rounding(model: Any) -> float:
    half = any("16" in str(getattr(each, "compute_dtype", "")) for each in leaf_layers(model))
    return _HALF_ROUNDING if half else _ROUNDING


def columns_by_name(model: NamedModel, found: Evaluation) -> Ints:
    """The model's column of each class of what it was just evaluated to."""
    return next(_numberings(model, found))


