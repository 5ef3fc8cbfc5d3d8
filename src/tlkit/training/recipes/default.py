"""tlkit's own way to fine-tune, which fits itself to the images and to a budget."""

from __future__ import annotations

import time
from typing import Unpack

from tlkit._progress import Silent
from tlkit.backbones.build import Backbone
from tlkit.data.labelled_images import LabelledImages
from tlkit.freezing.own_head import GivenHead
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.rate import LearningRate
from tlkit.training.arguments import NetworkArguments, TrainerArguments
from tlkit.training.recipes.budget import Budget, BudgetLike
from tlkit.training.recipes.changes import Asked
from tlkit.training.recipes.decided import decided
from tlkit.training.recipes.recipe import Wishes
from tlkit.training.stage import Stage


def default(
    train: LabelledImages,
    backbone: Backbone | None = None,
    validation: LabelledImages | None = None,
    *,
    head: GivenHead | None = None,
    budget: BudgetLike = None,
    epochs: int | None = None,
    learning_rate: LearningRate = 5e-4,
    policy: Policy | None = None,
    batch_size: int = 32,
    augmentation: Asked = "suggested",
    label_smoothing: float | None = None,
    seed: int = 0,
    **settings: Unpack[NetworkArguments],
) -> tuple[Stage, ...]:
    """Return the stages of `tlkit.fine_tune`: the probe, then everything from there.

    1 gives the head the weights of a linear probe (`tlkit.ProbeStage`), so that its gradients do
    not distort the pretrained features (Kumar et al., 2022, https://arxiv.org/abs/2202.10054);
    where a probe cannot, with hidden layers, a head of one's own or several labels, the head is
    trained alone. 2 trains
    all layers with AdamW at a rate that warms up and falls on a cosine, with smoothed labels
    (Szegedy et al., 2016, https://arxiv.org/abs/1512.00567), and ends with averaged weights
    (Polyak and Juditsky, 1992; over about the last third of the steps), BatchNormalization
    staying frozen. Its length is a number of steps and not of epochs, as in BiT's rule (Kolesnikov
    et al., 2020, https://arxiv.org/abs/1912.11370, section 3.3): small sets are gone through more
    often. Where the weights are random, it is 30 epochs, and BatchNormalization is trained.

    ``tlkit.fine_tune.plan`` gives the same stages with the reasons for them. The head of
    `tlkit.fine_tune` is ``Head(cuts="auto")``, which is no part of a stage: their trainer takes it.

    Args:
        train: Training images; their number and kind decide.
        backbone: As for `tlkit.StagedTrainer`, and so are ``settings``; a budget in time needs it.
        validation: Validation images, whose passes count in such a budget.
        head: Of the trainer, as for `tlkit.StagedTrainer`.
        budget: As for `tlkit.fine_tune`; a time counts from this call on.
        epochs: Of fine-tuning; about 300 steps, in 4 to 30 epochs, where None.
        learning_rate: Of fine-tuning: the peak of the cosine, or whatever `tlkit.Stage` takes.
        policy: What is fine-tuned; ``UnfreezeAll()`` where None.
        batch_size: Of both stages.
        augmentation: Of fine-tuning, as for `tlkit.fine_tune`; ``"suggested"`` needs the backbone,
            and is none without it.
        label_smoothing: Of fine-tuning, as for `tlkit.fine_tune`.
        seed: Of the trainer.
        **settings: Of the trainer: ``image_size``, ``weights``, ``start_from``, ...

    Returns:
        The stages "probe", or "head", and "fine-tune".

    Raises:
        TrainingError: A budget that is none, or less than an epoch; a time without a backbone.

    Example:
        >>> import tlkit, tlkit.testing
        >>> tlkit.recipes.default(tlkit.testing.tiny_dataset(960))[1].epochs
        10
    """
    begun, limit = time.perf_counter(), Budget.of(budget)
    wishes = Wishes(epochs, learning_rate, policy, batch_size, augmentation, label_smoothing, limit)
    given: TrainerArguments = {**settings, "head": head}  # type: ignore[typeddict-item]
    return decided(
        train,
        validation,
        backbone,
        wishes,
        given,
        seed=seed,
        resume=False,
        reporter=Silent(),
        begun=begun,
    ).stages
