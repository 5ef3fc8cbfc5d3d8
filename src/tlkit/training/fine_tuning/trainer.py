"""fine_tune_trainer: the trainer that `fine_tune` makes."""

from __future__ import annotations

import time
from typing import Unpack

from tlkit._progress import Silent
from tlkit.backbones.build import Backbone
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.data.labelled_images import LabelledImages
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.rate import LearningRate
from tlkit.training.arguments import TrainerArguments
from tlkit.training.fine_tuning._prepared import prepared
from tlkit.training.recipes.recipe import Wishes
from tlkit.training.trainer import StagedTrainer


def fine_tune_trainer(
    train: LabelledImages,
    backbone: Backbone = "efficientnet_v2_b0",
    *,
    epochs: int | None = None,
    learning_rate: LearningRate = 5e-4,
    policy: Policy | None = None,
    augmentation: AugmentationLike = None,
    label_smoothing: float | None = None,
    batch_size: int = 32,
    seed: int = 0,
    **settings: Unpack[TrainerArguments],
) -> StagedTrainer:
    """Return the trainer of `tlkit.fine_tune`, to cross-validate it or to change its stages.

    ``tlkit.fine_tune.plan`` gives it too, with the reasons for its stages and with a budget.

    Args:
        train: Training images: their number decides, nothing is read.
        backbone: As for `tlkit.fine_tune`, and so are all others.
        epochs: Of fine-tuning.
        learning_rate: Of fine-tuning.
        policy: What is fine-tuned.
        augmentation: Of fine-tuning.
        label_smoothing: Of fine-tuning.
        batch_size: Of both stages.
        seed: Of every random choice.
        **settings: As for `tlkit.StagedTrainer`.

    Raises:
        tlkit.TlkitError: As for `tlkit.StagedTrainer`.

    Example:
        >>> import tlkit.testing
        >>> from tlkit.training import fine_tune_trainer
        >>> data, tiny = tlkit.testing.tiny_dataset(), tlkit.testing.tiny_backbone()
        >>> trainer = fine_tune_trainer(data, tiny, weights=None)
        >>> [(stage.name, stage.epochs) for stage in trainer.stages]
        [('probe', 1), ('fine-tune', 30)]
    """
    wishes = Wishes(epochs, learning_rate, policy, batch_size, augmentation, label_smoothing)
    return prepared(
        train,
        None,
        backbone,
        wishes,
        settings,
        seed=seed,
        resume=False,
        reporter=Silent(),
        begun=time.perf_counter(),
    ).trainer
