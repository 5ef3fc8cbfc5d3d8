"""What `fine_tune` and its plan have in common: the sets, the recipe, the trainer."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from tlkit._progress import Reporter
from tlkit.backbones.build import Backbone
from tlkit.data.dataset import ImageDataset
from tlkit.data.expected import require_dataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.data.multi_label import MultiLabelDataset
from tlkit.errors import TrainingError
from tlkit.training.arguments import TrainerArguments
from tlkit.training.recipes.decided import Recipe, decided
from tlkit.training.recipes.recipe import Wishes, default_head
from tlkit.training.trainer import StagedTrainer


@dataclass(frozen=True)
class Prepared:
    """What is to be trained.

    Args:
        train: Training images.
        validation: Validation images, or None.
        recipe: The stages and the reasons for them.
        trainer: Of these stages.
    """

    train: LabelledImages
    validation: LabelledImages | None
    recipe: Recipe
    trainer: StagedTrainer


def both_sets(
    train: ImageDataset | MultiLabelDataset,
    validation: ImageDataset | MultiLabelDataset | float | None,
    seed: int,
) -> tuple[LabelledImages, LabelledImages | None]:
    """Return the images to train on and those for validation.

    Raises:
        SplitError: They cannot be split in proportion.
        DataError: One of both is no data set.
    """
    require_dataset(train, "train")
    if not isinstance(validation, Real | None):
        require_dataset(validation, "validation")
    if isinstance(validation, LabelledImages | None):
        return train, validation
    return train.split(validation, seed=seed)


def prepared(
    train: LabelledImages,
    validation: LabelledImages | None,
    backbone: Backbone,
    wishes: Wishes,
    settings: TrainerArguments,
    *,
    seed: int,
    resume: bool,
    reporter: Reporter,
    begun: float,
) -> Prepared:
    """Return what is to be trained; see `decided`.

    Raises:
        TlkitError: As for `decided` and `tlkit.StagedTrainer`.
    """
    if "stages" in settings:
        raise TrainingError(
            "fine_tune makes its own stages, and was given stages. Use StagedTrainer(..., "
            "stages=...).fit(...) for others."
        )
    settings.setdefault("keep", "best")
    if settings.get("head") is None:
        settings["head"] = default_head(settings.get("start_from"))
    recipe = decided(
        train,
        validation,
        backbone,
        wishes,
        settings,
        seed=seed,
        resume=resume,
        reporter=reporter,
        begun=begun,
    )
    trainer = StagedTrainer(backbone, stages=recipe.stages, seed=seed, **settings)
    return Prepared(train, validation, recipe, trainer)
