"""fine_tune: one call from images to a trained model."""

from __future__ import annotations

import time
from typing import Unpack

from tlkit._progress import reporter_for
from tlkit.backbones.build import Backbone
from tlkit.data.dataset import ImageDataset
from tlkit.data.multi_label import MultiLabelDataset
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.rate import LearningRate
from tlkit.training.arguments import TrainerArguments
from tlkit.training.fine_tuning._planned import planned_by
from tlkit.training.fine_tuning._prepared import both_sets, prepared
from tlkit.training.fine_tuning.plan import FineTunePlan
from tlkit.training.planning.duration import seconds_text
from tlkit.training.recipes.budget import Budget, BudgetLike
from tlkit.training.recipes.changes import Asked
from tlkit.training.recipes.recipe import Wishes
from tlkit.training.result import TrainingResult

# What a training begins with a line on: what was found out for it, and took time.
_TOLD = ("budget", "augmentation")


def _plan(
    train: ImageDataset | MultiLabelDataset,
    validation: ImageDataset | MultiLabelDataset | float | None = 0.2,
    backbone: Backbone = "efficientnet_v2_b0",
    *,
    budget: BudgetLike = None,
    epochs: int | None = None,
    learning_rate: LearningRate = 5e-4,
    policy: Policy | None = None,
    augmentation: Asked = "suggested",
    label_smoothing: float | None = None,
    batch_size: int = 32,
    seed: int = 0,
    resume: bool = False,
    verbose: int = 1,
    **settings: Unpack[TrainerArguments],
) -> FineTunePlan:
    """Say what `tlkit.fine_tune` would do with the same arguments, and why; nothing is trained.

    A few batches are timed, as `StagedTrainer.plan` does; nothing is left behind, but for exports
    of frozen parts where a budget in time is fitted to. Such a budget is fitted anew
    by each call: what is close to a limit may be decided otherwise when the machine is busier.
    ``plan(...).trainer.fit(train, validation)`` trains just what the plan says.

    Args:
        train: As for `tlkit.fine_tune`, and so are all others.
        validation: Validation images, or a share of ``train``.
        backbone: What is trained on.
        budget: How long it may take.
        epochs: Of fine-tuning.
        learning_rate: Of fine-tuning.
        policy: What is fine-tuned.
        augmentation: Of fine-tuning.
        label_smoothing: Of fine-tuning.
        batch_size: Of both stages.
        seed: Of every random choice.
        resume: Plan what is left of the run in ``run_dir``.
        verbose: 0 shows nothing, 1 a progress bar.
        **settings: As for `tlkit.StagedTrainer`.

    Returns:
        What was decided, and what will run; it prints as two tables.

    Raises:
        TlkitError: As for `tlkit.fine_tune`, but for most damaged images.
    """
    begun, reporter = time.perf_counter(), reporter_for(verbose)
    limit = Budget.of(budget)
    wishes = Wishes(epochs, learning_rate, policy, batch_size, augmentation, label_smoothing, limit)
    ready = prepared(
        *both_sets(train, validation, seed),
        backbone,
        wishes,
        settings,
        seed=seed,
        resume=resume,
        reporter=reporter,
        begun=begun,
    )
    trainer = ready.trainer
    work = trainer.plan(ready.train, ready.validation, resume=resume, verbose=verbose)
    return FineTunePlan(ready.recipe.decisions, trainer, work)


@planned_by(_plan)
def fine_tune(
    train: ImageDataset | MultiLabelDataset,
    validation: ImageDataset | MultiLabelDataset | float | None = 0.2,
    backbone: Backbone = "efficientnet_v2_b0",
    *,
    budget: BudgetLike = None,
    epochs: int | None = None,
    learning_rate: LearningRate = 5e-4,
    policy: Policy | None = None,
    augmentation: Asked = "suggested",
    label_smoothing: float | None = None,
    batch_size: int = 32,
    seed: int = 0,
    resume: bool = False,
    verbose: int = 1,
    **settings: Unpack[TrainerArguments],
) -> TrainingResult:
    """Put a linear probe on a pretrained backbone, then fine-tune all of it.

    The same as a `StagedTrainer` with `tlkit.recipes.default`, which says what its stages are, and
    ``Head(cuts="auto")``, which reads averages of all depths of the backbone; use these where this
    is not enough. ``print(tlkit.fine_tune.plan(...))``, with the same arguments,
    shows what is decided for the images at hand and why, and how long it will take. The model ends
    with the weights of fine-tuning, unless the probe has the larger weighted F1 on the validation
    images, and says which; ``keep="last"`` takes those of fine-tuning anyway.

    The default backbone is EfficientNetV2B0: 0.787 top-1 on ImageNet for 5.9 million weights, which
    `tlkit.list_backbones` sets beside all others; `tlkit.probe` tells in seconds how good one is
    for some images.

    Args:
        train: Training images.
        validation: Validation images, or the share of ``train`` to hold out for them, keeping the
            classes' proportions; None trains on everything and keeps the last epoch.
        backbone: As for `StagedTrainer`.
        budget: How long all of it may take from the call on, such as ``"10 min"``, ``"90 s"`` or
            ``"2 h"``; a number of training steps; or None for the whole recipe, of which no
            budget makes more. Where a time is short, batches that are timed on this machine decide
            what is given up: epochs first, then lower layers, which stay frozen and run once for
            each image, and at last all but the probe. A run that is resumed keeps what was decided.
        epochs: Of fine-tuning; by the number of images where None.
        learning_rate: Of fine-tuning: the peak of a cosine, or whatever `Stage` takes, such as an
            `ExponentialLRFinder`.
        policy: What is fine-tuned: all layers where None; ``UnfreezeTop(fraction=0.3)`` takes less
            time, as what is frozen below is computed once for each image.
        augmentation: Of fine-tuning: whatever `Stage` takes, or None. ``"suggested"`` is what
            `tlkit.suggest_augmentation` finds with up to 500 of the training images, in about half
            a minute: which changes leave a class what it is, depends on the images. Nothing is
            looked for with several labels, random weights, a ``start_from`` or a budget below five
            minutes, and ``plan`` says so.
        label_smoothing: Of fine-tuning; 0.1 where None, with several labels none.
        batch_size: Of both stages.
        seed: The split and every other random choice follow from it.
        resume: As for ``StagedTrainer.fit``; needs ``run_dir``.
        verbose: As for ``StagedTrainer.fit``.
        **settings: As for `StagedTrainer`: ``head``, ``image_size``, ``weights``, ``run_dir``, ...

    Returns:
        The result, as of ``StagedTrainer.fit``.

    Raises:
        SplitError: ``train`` cannot be split in proportion; says why. Then split it yourself.
        TrainingError: ``budget`` is no time and no number of steps, or less than an epoch of them.
        TlkitError: As for `StagedTrainer` and its ``fit``.

    Example:
        >>> import tlkit, tlkit.testing
        >>> result = tlkit.fine_tune(
        ...     tlkit.testing.tiny_dataset(), backbone=tlkit.testing.tiny_backbone(),
        ...     weights=None, cache=False, epochs=1, verbose=0)
        >>> [stage.name for stage in result.stages]
        ['probe', 'fine-tune']
    """
    begun, reporter = time.perf_counter(), reporter_for(verbose)
    limit = Budget.of(budget)
    wishes = Wishes(epochs, learning_rate, policy, batch_size, augmentation, label_smoothing, limit)
    ready = prepared(
        *both_sets(train, validation, seed),
        backbone,
        wishes,
        settings,
        seed=seed,
        resume=resume,
        reporter=reporter,
        begun=begun,
    )
    for decision in ready.recipe.decisions:
        if decision.name in _TOLD and not decision.given:
            reporter.line(str(decision))
    result = ready.trainer.fit(ready.train, ready.validation, resume=resume, verbose=verbose)
    if limit is not None and limit.seconds is not None:
        reporter.line(f"budget {limit}: took {seconds_text(time.perf_counter() - begun)}")
    return result
