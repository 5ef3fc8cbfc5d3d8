"""cross_validate: how good a recipe of training is, whatever the split and the seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any, overload

import numpy as np

from tlkit._numbers import is_whole
from tlkit._progress import Reporter, reporter_for
from tlkit.data._groups import group_numbers
from tlkit.data.deals import deal_notes, deals
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import SplitError, TrainingError
from tlkit.evaluation.cross_validation import CrossValidation
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.training import _checks
from tlkit.training.cross_validation._held_out import evaluation_of
from tlkit.training.cross_validation._recipes import Recipe, recipes_of
from tlkit.training.cross_validation._together import trained_together
from tlkit.training.cross_validation._trainings import Dealing, Training
from tlkit.training.trainer import StagedTrainer


@overload
def cross_validate(
    trainer: StagedTrainer,
    data: LabelledImages,
    *,
    folds: int = 5,
    repeats: int = 1,
    validation: float | None = 0.1,
    groups: Iterable[object] | None = None,
    seed: int = 0,
    resume: bool = False,
    executor: Executor | None = None,
    verbose: int = 1,
) -> CrossValidation: ...


@overload
def cross_validate(
    trainer: Mapping[str, StagedTrainer],
    data: LabelledImages,
    *,
    folds: int = 5,
    repeats: int = 1,
    validation: float | None = 0.1,
    groups: Iterable[object] | None = None,
    seed: int = 0,
    resume: bool = False,
    executor: Executor | None = None,
    verbose: int = 1,
) -> dict[str, CrossValidation]: ...


def cross_validate(
    trainer: StagedTrainer | Mapping[str, StagedTrainer],
    data: LabelledImages,
    *,
    folds: int = 5,
    repeats: int = 1,
    validation: float | None = 0.1,
    groups: Iterable[object] | None = None,
    seed: int = 0,
    resume: bool = False,
    executor: Executor | None = None,
    verbose: int = 1,
) -> CrossValidation | dict[str, CrossValidation]:
    """Train a recipe for each fold and repeat, and score it on the images left out.

    Each fold is predicted by a model that was trained on the others. A share of these others,
    ``validation``, does not train: on it the epoch is chosen that a stage keeps, the stage that
    ``keep="best"`` keeps, and when an early stopping stops. So nothing is chosen on the fold that
    is scored. Each repeat deals the images anew and trains with a seed of its own. Features of
    what is frozen are computed once, before the first training.

    Where a recipe is one stage of a frozen backbone, the heads of all folds and repeats, and of all
    such recipes, train at once on one read of the features, with the weights that each would have
    alone, to float32 rounding (on TensorFlow). Those with callbacks, an augmentation, a search, a
    loss or metrics of their own, other layers than Dense and Dropout in the head, or a
    ``run_dir``, train one by one.

    `tlkit.compare` of two of these says which recipe is better, with chance in training in the
    verdict. With the same ``folds``, ``repeats``, ``groups`` and ``seed``, folds are those of
    `tlkit.probe`.

    Args:
        trainer: The recipe, or several by name, for `tlkit.compare`. With its ``run_dir`` each
            training has a folder ``repeat-1/fold-1`` there, for `tlkit.training.read_run`. With
            ``start_from``, the file must come from other images, or scores are too good.
        data: All images: a `tlkit.ImageDataset`, or a `tlkit.MultiLabelDataset`.
        folds: How many, at least 2, with the classes in proportion.
        repeats: How often images are dealt anew. The first trains with the trainer's seed.
        validation: Share of a training's images, in (0, 1), that validates it; None for none, and
            each stage then keeps its last weights.
        groups: One value for each image, such as its patient: images of one group are in one fold,
            and all train or all validate.
        seed: The folds follow from it; training has the trainer's.
        resume: Go on with what is in the trainer's ``run_dir``: finished trainings are read, the
            one that was stopped goes on.
        executor: As for `StagedTrainer.fit`.
        verbose: 0 shows nothing, 1 each training's progress and a line for each fold.

    Returns:
        The scores of each training, their spread and interval, and one evaluation of all images
        for each repeat. Of several recipes, that of each by its name.

    Raises:
        SplitError: No number of folds, repeats or share; or images cannot be dealt so.
        TrainingError: Not a trainer; two with one ``run_dir``; ``resume`` without a ``run_dir``; a
            stage that a fold's classes do not fit.
        TlkitError: What `StagedTrainer.fit` raises.

    Example:
        >>> import tlkit, tlkit.testing
        >>> trainer = tlkit.StagedTrainer(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False,
        ...     stages=[tlkit.Stage("head", epochs=1, learning_rate=0.01)])
        >>> data = tlkit.testing.tiny_dataset(24)
        >>> found = tlkit.cross_validate(trainer, data, folds=2, verbose=0)
        >>> found.fold_scores("accuracy").shape, len(found.evaluation)
        ((1, 2), 24)
    """
    trainers = {**trainer} if isinstance(trainer, Mapping) else {"": trainer}
    _check(trainers, data, (folds, repeats), validation)
    for each in trainers.values():
        _checks.check_resume(each.run_dir, resume=resume)
    known = None if groups is None else group_numbers(groups, len(data))
    dealing = Dealing(folds, repeats, validation, known, seed)
    reporter = reporter_for(verbose)
    notes = tuple(deal_notes(data, deals(data, folds, repeats, known, seed)[0]))
    for note in notes:
        reporter.line(f"cross-validation: {note}")
    with ExitStack() as stack:
        recipes = recipes_of(trainers, data, dealing, reporter, executor, stack)
        size = (repeats, len(data), len(data.class_names))
        found = {recipe.name: np.empty(size) for recipe in recipes}
        for recipe, training, rows in _trained(recipes, reporter, resume=resume, verbose=verbose):
            found[recipe.name][training.repeat, training.places] = rows
            _show(reporter, recipe, training, evaluation_of(data.subset(training.places), rows))
    dealt = tuple(training.deal for training in recipes[0].trainings[::folds])
    crossed = {
        name: CrossValidation(tuple(evaluation_of(data, each) for each in rows), dealt, notes)
        for name, rows in found.items()
    }
    return crossed if isinstance(trainer, Mapping) else crossed[""]


def _trained(
    recipes: Sequence[Recipe], reporter: Reporter, *, resume: bool, verbose: int
) -> Iterator[tuple[Recipe, Training, Any]]:
    """Yield each training with its probabilities for the images that are left out."""
    for recipe in recipes:
        recipe.held_out.compute()
    done = set()
    for recipe, training, rows in trained_together(recipes, reporter):
        done.add(recipe.name)
        yield recipe, training, rows
    for recipe in recipes:
        if recipe.name not in done:
            for training, rows in recipe.one_by_one(resume=resume, verbose=verbose):
                yield recipe, training, rows


def _check(
    trainers: Mapping[str, StagedTrainer],
    data: LabelledImages,
    counts: tuple[int, int],
    validation: float | None,
) -> None:
    if not (trainers and all(isinstance(name, str) for name in trainers)):
        raise TrainingError(
            f"trainer is a mapping with the keys {list(trainers)}, expected a trainer for each of "
            "some names."
        )
    for trainer in trainers.values():
        if not isinstance(trainer, StagedTrainer):
            raise TrainingError(
                f"trainer is a {type(trainer).__name__}, expected a tlkit.StagedTrainer, or several"
                " by name; that of fine_tune is tlkit.training.fine_tune_trainer(...)."
            )
    places = [trainer.run_dir for trainer in trainers.values() if trainer.run_dir is not None]
    if len(set(places)) < len(places):
        raise TrainingError(
            f"several recipes have one run_dir, {places[0]}. Give each a run_dir of its own."
        )
    _checks.check_data(data)
    for name, value, least in zip(("folds", "repeats"), counts, (2, 1), strict=True):
        if not is_whole(value, least):
            raise SplitError(f"{name}={value!r}; expected a whole number, at least {least}.")
    number = isinstance(validation, (int, float)) and not isinstance(validation, bool)
    if validation is not None and not (number and 0 < validation < 1):
        raise SplitError(
            f"validation={validation!r}; expected the share of each training's images that "
            "validates it, between 0 and 1, such as 0.1, or None."
        )


def _show(reporter: Reporter, recipe: Recipe, each: Training, found: AnyEvaluation) -> None:
    total = len(recipe.trainings)
    reporter.line(
        f"{recipe.about}: training {each.number} of {total}, repeat {each.repeat + 1}, fold "
        f"{each.fold + 1}: weighted F1 {found.weighted_f1:.4f} on {len(found)} images left out"
    )
