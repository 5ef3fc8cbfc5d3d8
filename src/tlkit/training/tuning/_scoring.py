"""How good a trial is: on held-out images, or on the folds of a cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tlkit._progress import Reporter
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import DataError
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.features.store.store import FeatureStore
from tlkit.training.cross_validation._held_out import HeldOut, Models, evaluation_of
from tlkit.training.cross_validation._recipes import Recipe
from tlkit.training.cross_validation._together import trained_together
from tlkit.training.cross_validation._trainings import Training
from tlkit.training.cross_validation.cross_validate import cross_validate
from tlkit.training.result import TrainingResult
from tlkit.training.trainer import StagedTrainer
from tlkit.training.tuning._going_on import SharedStages, made_ready


class Scoring(Protocol):
    """Trains and scores."""

    def alone(self, trainer: StagedTrainer, before: StagedTrainer | None) -> AnyEvaluation:
        """Train, and score on images that did not train.

        Args:
            trainer: Of a trial, with a folder.
            before: That of the round before, in the same folder.
        """
        ...

    def together(
        self, trainers: Mapping[int, StagedTrainer]
    ) -> Iterator[tuple[int, AnyEvaluation]]:
        """Train heads at once, and yield the score of each; those left out are trained alone.

        Args:
            trainers: Without a folder, each of one stage that can be stacked.
        """
        ...

    def result(self, trainer: StagedTrainer) -> TrainingResult | None:
        """Return the training of a trial that was scored; None where there were several."""
        ...


@dataclass(eq=False)
class OnValidation:
    """Trains on some images and scores on others.

    Args:
        train: Training images.
        validation: Validation images.
        store: Where features are kept.
        shared: Stages that trials have in common.
        reporter: Shows progress.
        executor: Whose workers compute features.
        verbose: As for ``StagedTrainer.fit``.
    """

    train: LabelledImages
    validation: LabelledImages
    store: FeatureStore
    shared: SharedStages
    reporter: Reporter
    executor: Executor | None
    verbose: int
    _models: Models = field(default_factory=Models, init=False)

    def alone(self, trainer: StagedTrainer, before: StagedTrainer | None) -> AnyEvaluation:
        """Train in the trainer's folder, from what is there already."""
        made_ready(trainer, before)
        self.shared.give(trainer)
        sets = (self.train, self.validation)
        result = trainer.fit(*sets, resume=True, verbose=self.verbose, executor=self.executor)
        self.shared.keep(trainer)
        held_out = self._held_out(trainer, self.validation)
        return evaluation_of(self.validation, held_out.probabilities(result, self.validation))

    def together(
        self, trainers: Mapping[int, StagedTrainer]
    ) -> Iterator[tuple[int, AnyEvaluation]]:
        """Train heads at once on one read of the features."""
        count = len(self.train)
        try:
            both = self.train + self.validation  # type: ignore[operator]
        except DataError as error:
            self.reporter.line(f"heads train one by one: {error}")
            return
        deal = (np.arange(len(both)) < count).astype(np.int64)
        training, rest = np.flatnonzero(deal == 1), np.flatnonzero(deal == 0)
        recipes = []
        for number, trainer in trainers.items():
            each = Training(0, 0, 1, deal, training, rest, trainer.seed, None)
            recipes.append(Recipe(str(number), trainer, [each], self._held_out(trainer, both)))
        for recipe, _, rows in trained_together(recipes, self.reporter):
            yield int(recipe.name), evaluation_of(self.validation, rows)

    def result(self, trainer: StagedTrainer) -> TrainingResult | None:
        """Return a training, read from its folder; heads that were trained at once train alone."""
        made_ready(trainer, None)
        return trainer.fit(self.train, self.validation, resume=True, verbose=self.verbose)

    def _held_out(self, trainer: StagedTrainer, data: LabelledImages) -> HeldOut:
        asked = (trainer.settings, trainer.head, trainer.stages, data)
        return HeldOut(*asked, self.store, self.reporter, self.executor, self._models)


@dataclass(frozen=True, eq=False)
class OnFolds:
    """Trains on all folds but one, for each of them, and scores on those left out.

    Args:
        data: All images.
        folds: How many.
        validation: Share of a training's images that validates it.
        seed: The folds follow from it.
        executor: Whose workers compute features.
        verbose: As for `cross_validate`.
    """

    data: LabelledImages
    folds: int
    validation: float | None
    seed: int
    executor: Executor | None
    verbose: int

    def alone(self, trainer: StagedTrainer, before: StagedTrainer | None) -> AnyEvaluation:  # noqa: ARG002
        """Train for each fold."""
        return next(self.together({0: trainer}))[1]

    def together(
        self, trainers: Mapping[int, StagedTrainer]
    ) -> Iterator[tuple[int, AnyEvaluation]]:
        """Cross-validate, the heads of all folds at once."""
        found = cross_validate(
            {str(number): trainer for number, trainer in trainers.items()},
            self.data,
            folds=self.folds,
            validation=self.validation,
            seed=self.seed,
            executor=self.executor,
            verbose=self.verbose,
        )
        for name, crossed in found.items():
            yield int(name), crossed.evaluation

    def result(self, trainer: StagedTrainer) -> TrainingResult | None:  # noqa: ARG002
        """Return None: there is one for each fold."""
        return None
