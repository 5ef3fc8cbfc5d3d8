"""Deciding a recipe: from the images alone, from timed batches, or as it was at a run's start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
from tlkit.training.recipes.decision import Decision
from tlkit.training.recipes.extent import Extent
from tlkit.training.recipes.recipe import FINE_TUNE, Deciding, Wishes
from tlkit.training.run_dir.encoding import decoded, only_text
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.stage import Stage
from tlkit.training.trainer import StagedTrainer


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
    budget = wishes.budget
    if budget is None or budget.seconds is None:
        return _recipe(deciding, deciding.without_time())
    if backbone is None:
        raise _unknown(budget)
    whole = deciding.stages(deciding.full())
    trainer = StagedTrainer(backbone, stages=whole, seed=seed, **settings)
    _checks.check_resume(trainer.run_dir, resume=resume)
    extent = _recorded(trainer.run_dir, deciding.full()) if resume else None
    if extent is None:
        validation = _checks.checked_sets(train, validation, trainer.stages)
        start = start_of(trainer.start_from, train.class_names)
        asked = (trainer.settings, trainer.head, trainer.stages, trainer.keep)
        planner = Planner(*asked, trainer.start_from, trainer.run_dir, start, reporter)
        extent = deciding.in_time(planner, validation, begun)
    return _recipe(deciding, extent)


def _recipe(deciding: Deciding, extent: Extent) -> Recipe:
    return Recipe(deciding.stages(extent), decisions(deciding, extent))


def _unknown(budget: Budget) -> TrainingError:
    return TrainingError(
        f"budget='{budget}' is a time, and what a step takes depends on the backbone, which was "
        "not given. Give it, as in recipes.default(train, backbone, budget='10 min'), or give a "
        "number of training steps."
    )


def _recorded(root: Path | None, full: Extent) -> Extent | None:
    """Return what was decided when the run in a folder was begun; None where there is none.

    Raises:
        RunDirectoryError: Its settings cannot be read.
    """
    settings = None if root is None else RunDirectory(root).settings()
    if settings is None:
        return None
    why = f"as it was decided when the run in {root} was begun"
    stages = [x for x in settings["stages"] if x.get("name") == FINE_TUNE]
    if not stages:
        return Extent(0, full.policy, why)
    epochs, policy = stages[0]["epochs"], stages[0]["policy"]
    own = any(only_text(policy))
    return Extent(epochs, full.policy if own else decoded(policy), why)
