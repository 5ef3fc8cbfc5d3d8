"""fine_tune: one call from images to a trained model."""

from __future__ import annotations

from numbers import Real
from typing import Unpack

from tlkit.backbones.build import Backbone
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.data.dataset import ImageDataset
from tlkit.data.expected import require_dataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.data.multi_label import MultiLabelDataset
from tlkit.errors import TrainingError
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.rate import LearningRate
from tlkit.training import recipes
from tlkit.training.arguments import TrainerArguments
from tlkit.training.result import TrainingResult
from tlkit.training.trainer import StagedTrainer


def fine_tune(
    train: ImageDataset | MultiLabelDataset,
    validation: ImageDataset | MultiLabelDataset | float | None = 0.2,
    backbone: Backbone = "efficientnet_v2_b0",
    *,
    epochs: int | None = None,
    learning_rate: LearningRate = 5e-4,
    policy: Policy | None = None,
    augmentation: AugmentationLike = None,
    label_smoothing: float = 0.1,
    batch_size: int = 32,
    seed: int = 0,
    resume: bool = False,
    verbose: int = 1,
    **settings: Unpack[TrainerArguments],
) -> TrainingResult:
    """Put a linear probe on a pretrained backbone, then fine-tune all of it.

    The same as a `StagedTrainer` with `tlkit.recipes.default`, which says what its stages are and
    why; use these where this is not enough. The model ends with the weights of fine-tuning, unless
    the probe is better on the validation images by more than one standard error, and says which;
    ``keep="last"`` takes those of fine-tuning anyway.

    The default backbone is EfficientNetV2B0: 0.787 top-1 on ImageNet for 5.9 million weights, which
    `tlkit.list_backbones` sets beside all others; `tlkit.probe` tells in seconds how good one is
    for some images.

    Args:
        train: Training images.
        validation: Validation images, or the share of ``train`` to hold out for them, keeping the
            classes' proportions; None trains on everything and keeps the last epoch.
        backbone: As for `StagedTrainer`.
        epochs: Of fine-tuning; by the number of images where None.
        learning_rate: Of fine-tuning: the peak of a cosine, or whatever `Stage` takes, such as an
            `ExponentialLRFinder`.
        policy: What is fine-tuned: all layers where None; ``UnfreezeTop(fraction=0.3)`` takes less
            time, as what is frozen below is computed once for each image.
        augmentation: Of fine-tuning. None by default: which changes leave a class what it is,
            depends on the pictures; `tlkit.suggest_augmentation` tells in a minute.
        label_smoothing: Of fine-tuning.
        batch_size: Of both stages.
        seed: The split and every other random choice follow from it.
        resume: As for ``StagedTrainer.fit``; needs ``run_dir``.
        verbose: As for ``StagedTrainer.fit``.
        **settings: As for `StagedTrainer`: ``head``, ``image_size``, ``weights``, ``run_dir``, ...

    Returns:
        The result, as of ``StagedTrainer.fit``.

    Raises:
        SplitError: ``train`` cannot be split in proportion; says why. Then split it yourself.
        TlkitError: As for `StagedTrainer` and its ``fit``.

    Example:
        >>> import tlkit, tlkit.testing
        >>> result = tlkit.fine_tune(
        ...     tlkit.testing.tiny_dataset(), backbone=tlkit.testing.tiny_backbone(),
        ...     weights=None, cache=False, epochs=1, verbose=0)
        >>> [stage.name for stage in result.stages]
        ['probe', 'fine-tune']
    """
    require_dataset(train, "train")
    if not isinstance(validation, Real | None):
        require_dataset(validation, "validation")
    held_out: LabelledImages | None
    if isinstance(validation, LabelledImages | None):
        held_out = validation
    else:
        train, held_out = train.split(validation, seed=seed)
    trainer = fine_tune_trainer(
        train,
        backbone,
        epochs=epochs,
        learning_rate=learning_rate,
        policy=policy,
        augmentation=augmentation,
        label_smoothing=label_smoothing,
        batch_size=batch_size,
        seed=seed,
        **settings,
    )
    return trainer.fit(train, held_out, resume=resume, verbose=verbose)


def fine_tune_trainer(
    train: LabelledImages,
    backbone: Backbone = "efficientnet_v2_b0",
    *,
    epochs: int | None = None,
    learning_rate: LearningRate = 5e-4,
    policy: Policy | None = None,
    augmentation: AugmentationLike = None,
    label_smoothing: float = 0.1,
    batch_size: int = 32,
    seed: int = 0,
    **settings: Unpack[TrainerArguments],
) -> StagedTrainer:
    """Return the trainer of `tlkit.fine_tune`, to see its plan, or to change its stages.

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
    if "stages" in settings:
        raise TrainingError(
            "fine_tune makes its own stages, and was given stages. Use StagedTrainer(..., "
            "stages=...).fit(...) for others."
        )
    stages = recipes.default(
        train,
        head=settings.get("head"),
        epochs=epochs,
        learning_rate=learning_rate,
        policy=policy,
        augmentation=augmentation,
        label_smoothing=label_smoothing,
        batch_size=batch_size,
    )
    settings.setdefault("keep", "best")
    # Weights that are given are better than the probe's, which sees the backbone's own features.
    begun = settings.get("start_from") is not None
    return StagedTrainer(backbone, stages=stages[begun:], seed=seed, **settings)
