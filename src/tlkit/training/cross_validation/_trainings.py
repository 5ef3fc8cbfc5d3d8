"""Which images each training of a cross-validation sees, and with which seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream_seed
from tlkit.data.deals import deals
from tlkit.data.labelled_images import LabelledImages
from tlkit.training.cross_validation._validation_share import validation_places
from tlkit.training.trainer import StagedTrainer

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Dealing:
    """How images are dealt.

    Args:
        folds: How many.
        repeats: How often.
        validation: Share of a training's images that validates it, or None.
        groups: Group number of each image, (n,), or None.
        seed: The deals follow from it.
    """

    folds: int
    repeats: int
    validation: float | None
    groups: Ints | None
    seed: int


@dataclass(frozen=True, eq=False)
class Training:
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


def trainings_of(
    trainer: StagedTrainer, data: LabelledImages, dealing: Dealing
) -> Iterator[Training]:
    """Yield the trainings of a recipe, repeat by repeat."""
    asked = (dealing.folds, dealing.repeats, dealing.groups, dealing.seed)
    for repeat, deal in enumerate(deals(data, *asked)):
        start = trainer.seed
        if repeat:
            start = stream_seed(start, "cross-validation", sample=repeat) % 2**31
        for fold in range(dealing.folds):
            number = repeat * dealing.folds + fold
            others = np.flatnonzero(deal != fold)
            validating = _validating(data, others, dealing, number)
            training = np.setdiff1d(others, validating)
            root = trainer.run_dir
            run_dir = root and root / f"repeat-{repeat + 1}" / f"fold-{fold + 1}"
            told = (training, validating, start, run_dir)
            yield Training(repeat, fold, number + 1, deal, *told)


def _validating(data: LabelledImages, others: Ints, dealing: Dealing, number: int) -> Ints:
    if dealing.validation is None:
        return others[:0]
    of = None if dealing.groups is None else dealing.groups[others]
    drawn = stream_seed(dealing.seed, "validation", sample=number)
    return others[validation_places(data.labels[others], of, dealing.validation, drawn)]
