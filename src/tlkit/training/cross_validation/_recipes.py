"""The recipes of a cross-validation: their trainings, their models, and where features are kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit._progress import Reporter
from tlkit.data.labelled_images import LabelledImages
from tlkit.features.store.store import FeatureStore, open_store
from tlkit.training import _checks
from tlkit.training._made_again import made_again
from tlkit.training.cross_validation._held_out import HeldOut, Models
from tlkit.training.cross_validation._trainings import Dealing, Training, trainings_of
from tlkit.training.trainer import StagedTrainer


@dataclass(frozen=True, eq=False)
class Recipe:
    """A recipe of a cross-validation.

    Args:
        name: What it is called; empty where there is but one.
        trainer: The recipe.
        trainings: What is to be trained.
        held_out: Predicts what is left out.
    """

    name: str
    trainer: StagedTrainer
    trainings: Sequence[Training]
    held_out: HeldOut

    @property
    def about(self) -> str:
        """What lines on it begin with."""
        return f"cross-validation{f' of {self.name!r}' if self.name else ''}"

    def one_by_one(self, *, resume: bool, verbose: int) -> Iterator[tuple[Training, Any]]:
        """Train one after the other; yield each training's probabilities for what is left out.

        Args:
            resume: As for `StagedTrainer.fit`.
            verbose: The same.
        """
        held_out, data = self.held_out, self.held_out.data
        cache = held_out.settings.cache
        for each in self.trainings:
            again = made_again(self.trainer, cache=cache, seed=each.seed, run_dir=each.run_dir)
            sets = each.train(data), each.validation(data)
            result = again.fit(*sets, resume=resume, verbose=verbose, executor=held_out.executor)
            yield each, held_out.probabilities(result, data.subset(each.places))


def recipes_of(
    trainers: Mapping[str, StagedTrainer],
    data: LabelledImages,
    dealing: Dealing,
    reporter: Reporter,
    executor: Executor | None,
    stack: ExitStack,
) -> list[Recipe]:
    """Return the recipes, after a look at the sets of each training and at all images.

    Args:
        trainers: By name.
        data: All images.
        dealing: How they are dealt.
        reporter: Shows progress.
        executor: Whose workers compute features.
        stack: Closes the stores.

    Raises:
        TlkitError: What `StagedTrainer.fit` raises of its sets.
    """
    dealt = {name: list(trainings_of(each, data, dealing)) for name, each in trainers.items()}
    for name, trainings in dealt.items():  # before any of them takes its time
        for each in trainings:
            _checks.checked_sets(each.train(data), each.validation(data), trainers[name].stages)
    stores: dict[Any, tuple[Any, FeatureStore]] = {}
    models, recipes = Models(), []
    for name, trainer in trainers.items():
        if trainer.cache not in stores:
            stores[trainer.cache] = _opened(trainer.cache, stack)
            for note in _checks.check_images(stores[trainer.cache][1], data):
                reporter.line(f"cross-validation: {note}")
        cache, store = stores[trainer.cache]
        settings = made_again(trainer, cache=cache).settings
        parts = (settings, trainer.head, trainer.stages, data, store, reporter, executor, models)
        recipes.append(Recipe(name, trainer, dealt[name], HeldOut(*parts)))
    return recipes


def _opened(cache: bool | str | Path, stack: ExitStack) -> tuple[bool | str | Path, FeatureStore]:
    """Return a cache that all trainings share, a passing one for False, and its store."""
    if cache is False:
        passing = tempfile.TemporaryDirectory(prefix="tlkit-", ignore_cleanup_errors=True)
        cache = stack.enter_context(passing)
    return cache, stack.enter_context(open_store(cache))
