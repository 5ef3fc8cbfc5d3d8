"""Which evaluation a page looks at closely: one of the model that the rest of the page is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tlkit.data.class_names import is_numbering, positions
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Ints
from tlkit.evaluation.evaluating import AnyEvaluation, evaluate
from tlkit.reporting._gallery import check_same, fits
from tlkit.reporting._named_models import NamedModel, columns_by_name, match, model_of_run
from tlkit.reporting._runs import Run

# What to call the evaluation of a model that is not the run's.
_GIVEN = "given model"


@dataclass(frozen=True, eq=False)
class Choice:
    """The evaluation that is looked at closely.

    Args:
        name: Of the evaluation; None where there is none.
        model: What gave it; None where that is not known.
        columns: The model's column of each class of the evaluation.
        remarks: What a reader must know about what belongs together, sentences.
    """

    name: str | None = None
    model: NamedModel | None = None
    columns: Ints | None = None
    remarks: tuple[str, ...] = ()


def evaluated(
    given: AnyEvaluation | Mapping[str, AnyEvaluation] | None,
    detail: str | None,
    runs: Sequence[Run],
    model: NamedModel | None,
    dataset: LabelledImages | None,
) -> tuple[dict[str, AnyEvaluation], Choice]:
    """Return all evaluations by name, and which of them the page looks at closely.

    Args:
        given: What a report was given; None evaluates the model that was given or, of a single
            run, its own.
        detail: The evaluation that is asked for, or None for the best of those of the model.
        runs: What the page tells of.
        model: The model that was given, or None.
        dataset: The images, or None.

    Raises:
        EvaluationError: No evaluation, or not the one asked for, is of the model or the images.
    """
    if given is None:
        named, choice = _evaluated_here(runs, model, dataset)
        _check_detail(detail, named)
        return named, choice
    several = given if isinstance(given, Mapping) else {runs[0].name: given}
    named = {str(name): found for name, found in several.items()}
    _check_detail(detail, named)
    _check_class_names(named, runs)
    if not named:
        return named, Choice()
    ranked = _best_first(named) if detail is None else [detail]
    if dataset is None:
        return named, Choice(ranked[0], remarks=_unchecked(runs))
    return named, _chosen(ranked, named, runs, model, dataset)


def _evaluated_here(
    runs: Sequence[Run], given: NamedModel | None, dataset: LabelledImages | None
) -> tuple[dict[str, AnyEvaluation], Choice]:
    # Of several runs nobody could say which one is meant.
    model = model_of_run(runs[0]) if given is None and len(runs) == 1 else given
    if model is None or dataset is None:
        return {}, Choice()
    found = evaluate(model, dataset)
    choice = Choice(runs[0].name, model, columns_by_name(model, found))
    if given is not None:
        choice = _beside_run(choice, found, runs, dataset)
        if choice.remarks or len(runs) > 1:
            choice = replace(choice, name=_GIVEN)
    return {str(choice.name): found}, choice


def _check_detail(detail: str | None, named: Mapping[str, AnyEvaluation]) -> None:
    if detail is not None and detail not in named:
        raise EvaluationError(
            f"detail={detail!r} is no evaluation; expected one of "
            f"{', '.join(map(repr, named)) or 'none: give evaluations=...'}."
        )


def _check_class_names(evaluations: Mapping[str, AnyEvaluation], runs: Sequence[Run]) -> None:
    """Refuse evaluations of other classes than the run that they stand beside.

    Of a single run all do; of several an evaluation that is called like one of them.
    """
    for run in runs:
        known = run.class_names or ()
        own = evaluations if len(runs) == 1 else {run.name} & set(evaluations)
        for name in own if known else ():
            found = evaluations[name].class_names
            if is_numbering(found) and len(found) == len(known):
                continue  # it was made without names
            positions(
                known,
                found,
                words=(f"run {run.name!r}", f"the evaluation {name!r}"),
                way_out="Give an evaluation of this run's model.",
                error=EvaluationError,
            )


def _chosen(
    ranked: Sequence[str],
    evaluations: Mapping[str, AnyEvaluation],
    runs: Sequence[Run],
    given: NamedModel | None,
    dataset: LabelledImages,
) -> Choice:
    """Return the first of these evaluations that is of the page's model, where there is one."""
    known = {name: evaluations[name] for name in ranked if fits(evaluations[name], dataset)}
    if not known:
        check_same(evaluations[ranked[0]], dataset)
    if given is not None:
        choice = _first_of(known, given, dataset)
        return _beside_run(choice, known[str(choice.name)], runs, dataset)
    if len(runs) > 1:
        return _of_several(next(iter(known)), evaluations, runs, dataset)
    own = model_of_run(runs[0])
    if own is None:
        return Choice(next(iter(known)), remarks=_unchecked(runs))
    return _told(_first_of(known, own, dataset), evaluations, runs[0].name)


def _best_first(evaluations: Mapping[str, AnyEvaluation]) -> list[str]:
    return sorted(evaluations, key=lambda name: -evaluations[name].weighted_f1)


def _unchecked(runs: Sequence[Run]) -> tuple[str, ...]:
    """Say that nobody looked whether the evaluations are of the run, where there is one run."""
    if len(runs) != 1 or not runs[0].stages:
        return ()
    why = "it has no finished model" if runs[0].model is None else "no dataset was given to ask it"
    return (
        f"Whether the evaluation is of the model of run {runs[0].name!r} was not checked: {why}.",
    )


def _first_of(
    evaluations: Mapping[str, AnyEvaluation], model: NamedModel, dataset: LabelledImages
) -> Choice:
    """Return the first evaluation that is what a model gives; raise where none is."""
    differing = []
    for name, found in evaluations.items():
        held = match(model, found, dataset)
        if held.columns is not None:
            return Choice(name, model, held.columns)
        differing.append(f"{name!r} ({held.told})")
    raise EvaluationError(
        f"What {model.words} gives on these images is not what was stored as "
        f"{' or '.join(differing[:3])}; what stands on one page must be of one model. Give this "
        "model's own evaluation, or model=... that was evaluated, or all runs as {'name': run, "
        "...}. An evaluation of several views, or of a calibrated model, may stand beside the "
        "plain one: evaluations={'plain': ..., '8 views': ...}."
    )


def _told(choice: Choice, evaluations: Mapping[str, AnyEvaluation], run: str) -> Choice:
    """Name better evaluations that were passed over, and one that only has the run's name."""
    name, best = str(choice.name), _best_first(evaluations)[0]
    highest = evaluations[best].weighted_f1
    if highest > evaluations[name].weighted_f1:
        told = (
            f"{best!r}, with the best weighted F1 of {highest:.3f}, is not what the model of "
            f"run {run!r} gives; this page looks closely at {name!r}, which is."
        )
        return replace(choice, remarks=(told,))
    if run in evaluations and name != run:
        told = f"The model of run {run!r} gave {name!r}, not {run!r}."
        return replace(choice, remarks=(told,))
    return choice


def _beside_run(
    choice: Choice, found: AnyEvaluation, runs: Sequence[Run], dataset: LabelledImages
) -> Choice:
    """Say where the model that was given is not the one that the page's single run ended with."""
    own = model_of_run(runs[0]) if len(runs) == 1 else None
    if own is None:
        return replace(choice, remarks=_unchecked(runs))
    if match(own, found, dataset).columns is not None:
        return choice
    run = runs[0].name
    told = (
        f"The model that was given is not the one that run {run!r} ended with: training is told "
        "of that run, figures, mistakes and Grad-CAM of the model that was given."
    )
    return replace(choice, remarks=(told,))


def _of_several(
    chosen: str,
    evaluations: Mapping[str, AnyEvaluation],
    runs: Sequence[Run],
    dataset: LabelledImages,
) -> Choice:
    """Hold evaluations that are called like a run against its model."""
    choice, remarks = Choice(chosen), []
    for run in runs:
        found, model = evaluations.get(run.name), model_of_run(run)
        if found is None or model is None or not fits(found, dataset):
            continue
        held = match(model, found, dataset)
        if held.columns is None:
            remarks.append(
                f"The evaluation {run.name!r} is not what {model.words} gives ({held.told}); it "
                "may be of another model."
            )
        elif run.name == chosen:
            choice = Choice(chosen, model, held.columns)
    return replace(choice, remarks=tuple(remarks))
