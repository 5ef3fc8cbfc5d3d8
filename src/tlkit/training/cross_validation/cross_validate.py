"""cross_validate: how good a recipe of training is, whatever the split and the seed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._numbers import is_whole
from tlkit._progress import Reporter, reporter_for
from tlkit._seeds import stream_seed
from tlkit.data._groups import group_numbers
from tlkit.data.deals import deal_notes, deals
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import SplitError, TrainingError
from tlkit.evaluation.cross_validation import CrossValidation
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.multi_label import MultiLabelEvaluation
from tlkit.features.store.store import open_store
from tlkit.training import _checks
from tlkit.training.cross_validation._held_out import HeldOut
from tlkit.training.cross_validation._validation_share import validation_places
from tlkit.training.trainer import StagedTrainer

Ints = NDArray[np.int64]


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
) -> CrossValidation:
    """Train a recipe for each fold and repeat, and score it on the images left out.

    Each fold is predicted by a model that was trained on the others. A share of these others,
    ``validation``, does not train: on it the epoch is chosen that a stage keeps, the stage that
    ``keep="best"`` keeps, and when an early stopping stops. So nothing is chosen on the fold that
    is scored. Each repeat deals the images anew and trains with a seed of its own. Features of
    what is frozen are computed once, before the first training.

    `tlkit.compare` of two of these says which recipe is better, with chance in training in the
    verdict. With the same ``folds``, ``repeats``, ``groups`` and ``seed``, folds are those of
    `tlkit.probe`.

    Args:
        trainer: The recipe. With its ``run_dir`` each training has a folder ``repeat-1/fold-1``
            there, for `tlkit.training.read_run`. With ``start_from``, the file must come from other
            images, or scores are too good.
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
        for each repeat.

    Raises:
        SplitError: No number of folds, repeats or share; or images cannot be dealt so.
        TrainingError: Not a trainer; ``resume`` without a ``run_dir``; a stage that a fold's
            classes do not fit.
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
    _check(trainer, data, folds, repeats, validation)
    _checks.check_resume(trainer.run_dir, resume=resume)
    known = None if groups is None else group_numbers(groups, len(data))
    trainings = list(_trainings(trainer, data, folds, repeats, (validation, known, seed)))
    for each in trainings:  # before any of them takes its time
        _checks.checked_sets(each.train(data), each.validation(data), trainer.stages)
    reporter = reporter_for(verbose)
    notes = tuple(deal_notes(data, trainings[0].deal))
    with _one_cache(trainer.cache) as cache, open_store(cache) as store:
        for note in (*notes, *_checks.check_images(store, data)):
            reporter.line(f"cross-validation: {note}")
        settings = _again(trainer, cache=cache).settings
        parts = (settings, trainer.head, trainer.stages, data, store, reporter, executor)
        held_out = HeldOut(*parts)
        held_out.compute()
        rows = [np.empty((len(data), len(data.class_names))) for _ in range(repeats)]
        for each in trainings:
            again = _again(trainer, cache=cache, seed=each.seed, run_dir=each.run_dir)
            sets = each.train(data), each.validation(data)
            result = again.fit(*sets, resume=resume, verbose=verbose, executor=executor)
            found = held_out.probabilities(result, data.subset(each.places))
            rows[each.repeat][each.places] = found
            _show(reporter, each, _evaluation(data.subset(each.places), found), len(trainings))
    evaluations = tuple(_evaluation(data, found) for found in rows)
    return CrossValidation(evaluations, tuple(x.deal for x in trainings[::folds]), notes)


@dataclass(frozen=True, eq=False)
class _Training:
    """One of the trainings of a cross-validation.

    Args:
        repeat: Its repeat, from 0.
        fold: The fold that it does not see, from 0.
        number: Its number among all, from 1.
        deal: Number of each image's fold, (n,).
        training: Places of the images that train.
        validating: Places of those that validate; none where there are none.
        seed: Of the trainer.
        run_dir: Of the trainer.
    """

    repeat: int
    fold: int
    number: int
    deal: Ints
    training: Ints
    validating: Ints
    seed: int
    run_dir: Path | None

    @property
    def places(self) -> Ints:
        """Places of the images that are left out."""
        return np.flatnonzero(self.deal == self.fold)

    def train(self, data: Any) -> Any:
        """Return the images that train."""
        return data.subset(self.training)

    def validation(self, data: Any) -> Any:
        """Return the images that validate, or None."""
        return data.subset(self.validating) if len(self.validating) else None


def _trainings(
    trainer: StagedTrainer,
    data: LabelledImages,
    folds: int,
    repeats: int,
    dealing: tuple[float | None, Ints | None, int],
) -> Iterator[_Training]:
    share, known, seed = dealing
    for repeat, deal in enumerate(deals(data, folds, repeats, known, seed)):
        start = trainer.seed
        if repeat:
            start = stream_seed(start, "cross-validation", sample=repeat) % 2**31
        for fold in range(folds):
            number = repeat * folds + fold
            others = np.flatnonzero(deal != fold)
            validating = others[:0]
            if share is not None:
                of = None if known is None else known[others]
                drawn = stream_seed(seed, "validation", sample=number)
                validating = others[validation_places(data.labels[others], of, share, drawn)]
            training = np.setdiff1d(others, validating)
            root = trainer.run_dir
            run_dir = root and root / f"repeat-{repeat + 1}" / f"fold-{fold + 1}"
            told = (training, validating, start, run_dir)
            yield _Training(repeat, fold, number + 1, deal, *told)


def _check(
    trainer: StagedTrainer,
    data: LabelledImages,
    folds: int,
    repeats: int,
    validation: float | None,
) -> None:
    if not isinstance(trainer, StagedTrainer):
        raise TrainingError(
            f"trainer is a {type(trainer).__name__}, expected a tlkit.StagedTrainer; that of "
            "fine_tune is tlkit.training.fine_tune_trainer(...)."
        )
    _checks.check_data(data)
    for name, value, least in (("folds", folds, 2), ("repeats", repeats, 1)):
        if not is_whole(value, least):
            raise SplitError(f"{name}={value!r}; expected a whole number, at least {least}.")
    number = isinstance(validation, (int, float)) and not isinstance(validation, bool)
    if validation is not None and not (number and 0 < validation < 1):
        raise SplitError(
            f"validation={validation!r}; expected the share of each training's images that "
            "validates it, between 0 and 1, such as 0.1, or None."
        )


def _again(trainer: StagedTrainer, **replaced: Any) -> StagedTrainer:
    """Return a trainer with some arguments given anew."""
    names = signature(StagedTrainer).parameters
    return StagedTrainer(**{**{name: getattr(trainer, name) for name in names}, **replaced})


@contextmanager
def _one_cache(cache: bool | str | Path) -> Iterator[bool | str | Path]:
    """Give a cache that all trainings share; a passing one for False."""
    if cache is not False:
        yield cache
        return
    with tempfile.TemporaryDirectory(prefix="tlkit-", ignore_cleanup_errors=True) as folder:
        yield folder


def _evaluation(data: LabelledImages, found: Any) -> AnyEvaluation:
    kind = MultiLabelEvaluation if data.labels.ndim == 2 else Evaluation
    return kind.from_predictions(
        data.labels,
        found,
        data.class_names,
        image_names=data.names,
        image_digests=data.content_digests,
    )


def _show(reporter: Reporter, each: _Training, found: AnyEvaluation, total: int) -> None:
    reporter.line(
        f"cross-validation: training {each.number} of {total}, repeat {each.repeat + 1}, fold "
        f"{each.fold + 1}: weighted F1 {found.weighted_f1:.4f} on {len(found)} images left out"
    )
