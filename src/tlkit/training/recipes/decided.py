"""Deciding a recipe: from the images alone, from timed batches, or as it was at a run's start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tlkit._progress import Reporter
from tlkit.backbones.build import Backbone
from tlkit.backbones.spec import BackboneSpec
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TrainingError
from tlkit.training import _checks
from tlkit.training._starting import start_of
from tlkit.training.arguments import TrainerArguments
from tlkit.training.planning._planner import Planner
from tlkit.training.recipes._reasons import decisions
from tlkit.training.recipes.budget import Budget
from tlkit.training.recipes.changes import SUGGESTED, Changes
from tlkit.training.recipes.decision import Decision
from tlkit.training.recipes.extent import Extent
from tlkit.training.recipes.fitting_augmentation import found_changes, recorded_changes
from tlkit.training.recipes.recipe import FINE_TUNE, Deciding, Wishes
from tlkit.training.run_dir.encoding import decoded, only_text
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.stage import Stage
from tlkit.training.trainer import StagedTrainer

_UNKNOWN_BACKBONE = "a backbone looks at the images to tell which changes fit, and none was given"


@dataclass(frozen=True)
class Recipe:
    """Stages, and why they are so.

    Args:
        stages: In order.
        decisions: In the order of what happens.
    """

    stages: tuple[Stage, ...]
    decisions: tuple[Decision, ...]


def decided(
    train: LabelledImages,
    validation: LabelledImages | None,
    backbone: Backbone | None,
    wishes: Wishes,
    settings: TrainerArguments,
    *,
    seed: int,
    resume: bool,
    reporter: Reporter,
    begun: float,
) -> Recipe:
    """Return the stages for some images and a budget, and why they are so.

    Args:
        train: Training images.
        validation: Validation images, or None.
        backbone: Whose; None where it is not known yet.
        wishes: What the caller said of fine-tuning.
        settings: Of the trainer.
        seed: Of the trainer.
        resume: Whether the run in ``run_dir`` goes on, as it was decided then.
        reporter: Shows how far the timing is.
        begun: When the caller began, by ``time.perf_counter``: from then on a time counts.

    Raises:
        TrainingError: A budget that cannot be kept or measured.
        TlkitError: With a time, as for ``StagedTrainer.plan``.
    """
    start_from = settings.get("start_from")
    named = isinstance(backbone, str | BackboneSpec)
    deciding = Deciding(
        train,
        validation,
        wishes,
        settings.get("head"),
        random=named and settings.get("weights", "") is None and start_from is None,
        begun=start_from is not None,
    )
    if backbone is None:
        if wishes.seconds is not None:
            raise _unknown(wishes.budget)
        changes = Changes.without_a_look(wishes.augmentation, _UNKNOWN_BACKBONE)
        return _recipe(replace(deciding, changes=changes))
    whole = deciding.stages(deciding.full())
    trainer = StagedTrainer(backbone, stages=whole, seed=seed, **settings)
    record = _Recorded.of(trainer.run_dir, resume=resume)
    deciding = replace(deciding, changes=_changes(deciding, trainer, record, reporter))
    if wishes.seconds is None:
        return _recipe(deciding)
    if record is not None:
        return _recipe(deciding, record.extent(deciding.full()))
    validation = _checks.checked_sets(train, validation, trainer.stages, trainer.devices)
    start = start_of(trainer.start_from, train.class_names)
    asked = (trainer.settings, trainer.head, deciding.stages(deciding.full()), trainer.keep)
    about = (trainer.start_from, trainer.run_dir, start)
    planner = Planner(*asked, *about, reporter, trainer.devices)
    return _recipe(deciding, deciding.in_time(planner, validation, begun))


def _changes(
    deciding: Deciding, trainer: StagedTrainer, record: _Recorded | None, reporter: Reporter
) -> Changes:
    """Return what is done to images: as asked for, or, as far as it can be found out, what fits."""
    asked, why = deciding.wishes.augmentation, deciding.why_unseen()
    if asked == SUGGESTED and record is not None:
        return record.changes()
    if asked != SUGGESTED or why:
        return Changes.without_a_look(asked, why)
    if trainer.run_dir is not None:
        RunDirectory(trainer.run_dir).check_new()
    return found_changes(deciding.train, deciding.validation, trainer.settings, reporter)


def _recipe(deciding: Deciding, extent: Extent | None = None) -> Recipe:
    extent = extent or deciding.without_time()
    return Recipe(deciding.stages(extent), decisions(deciding, extent))


def _unknown(budget: Budget | None) -> TrainingError:
    return TrainingError(
        f"budget='{budget}' is a time, and what a step takes depends on the backbone, which was "
        "not given. Give it, as in recipes.default(train, backbone, budget='10 min'), or give a "
        "number of training steps."
    )


@dataclass(frozen=True)
class _Recorded:
    """What was decided when the run in a folder was begun.

    Args:
        root: The folder.
        stages: Settings of its stages, as they are kept.
    """

    root: Path
    stages: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, root: Path | None, *, resume: bool) -> _Recorded | None:
        """Return it for a run that goes on; None where there is none yet, or a new one begins.

        Raises:
            TrainingError: A run is to go on, and no folder is given.
            RunDirectoryError: Its settings cannot be read.
        """
        _checks.check_resume(root, resume=resume)
        settings = RunDirectory(root).settings() if resume and root else None
        return None if not root or settings is None else cls(root, tuple(settings["stages"]))

    def changes(self) -> Changes:
        """Return what is done to images."""
        return recorded_changes(self._fine, self._why)

    def extent(self, full: Extent) -> Extent:
        """Return how much of fine-tuning is run, where ``full`` is all of it."""
        if self._fine is None:
            return Extent(0, full.policy, self._why)
        policy = self._fine["policy"]
        own = any(only_text(policy))
        return Extent(self._fine["epochs"], full.policy if own else decoded(policy), self._why)

    @property
    def _fine(self) -> Mapping[str, Any] | None:
        return next((stage for stage in self.stages if stage.get("name") == FINE_TUNE), None)

    @property
    def _why(self) -> str:
        return f"as it was decided when the run in {self.root} was begun"
