"""fine_tune: one call from images to a trained model."""

from __future__ import annotations

from numbers import Real
from typing import Unpack

from tlkit._keras.types import Callback
from tlkit.backbones.build import Backbone
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.dataset import ImageDataset
from tlkit.data.expected import require_dataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.data.multi_label import MultiLabelDataset
from tlkit.errors import TrainingError
from tlkit.freezing.policies import UnfreezeTop
from tlkit.learning_rate.rate import LearningRate
from tlkit.training.arguments import TrainerArguments
from tlkit.training.recipes import linear_probe_then_fine_tune
from tlkit.training.result import TrainingResult
from tlkit.training.trainer import StagedTrainer


def fine_tune(
    train: ImageDataset | MultiLabelDataset,
    validation: ImageDataset | MultiLabelDataset | float | None = 0.2,
    backbone: Backbone = "efficientnet_v2_b0",
    *,
    head_epochs: int = 20,
    epochs: int = 10,
    head_learning_rate: LearningRate = 1e-3,
    learning_rate: LearningRate = 1e-5,
    fraction: float = 0.3,
    augmentation: Augmentation | None = None,
    batch_size: int = 32,
    patience: int | None = 5,
    seed: int = 0,
    resume: bool = False,
    verbose: int = 1,
    **settings: Unpack[TrainerArguments],
) -> TrainingResult:
    """Train a head on a pretrained backbone, then fine-tune the backbone's top.

    The same as a `StagedTrainer` with `tlkit.recipes.linear_probe_then_fine_tune`; use these where
    this is not enough. Why the defaults are what they are:

    - Head first: fine-tuning under a random head distorts the pretrained features (Kumar et al.,
      2022, https://arxiv.org/abs/2202.10054).
    - 0.001, then 0.00001, with Adam: the rates of the Keras guide to transfer learning and of the
      published Rakuten study. Give an `ExponentialLRFinder` to search for them.
    - The top 30 %: in the study eight layers and augmentation took Xception from 0.60 to 0.65
      weighted F1, and what is frozen below the top is computed once per image. BatchNormalization
      stays frozen.
    - Each stage ends with the weights of its best epoch on the validation images, and ends early
      where their loss has not fallen for ``patience`` epochs.
    - The model ends with the weights of the better stage on the validation images, so that
      fine-tuning never makes it worse there; ``keep="last"`` takes those of fine-tuning anyway.
    - No augmentation, so that every epoch reads what the frozen layers gave in the first; it helps
      small sets, at the price of running these layers in every epoch.
    - EfficientNetV2B0: 0.787 top-1 on ImageNet for 5.9 million weights, which
      `tlkit.list_backbones` sets beside all others.

    Args:
        train: Training images.
        validation: Validation images, or the share of ``train`` to hold out for them, keeping the
            classes' proportions; None trains on everything and keeps the last epoch.
        backbone: As for `StagedTrainer`.
        head_epochs: Most epochs of the head alone.
        epochs: Most epochs of fine-tuning.
        head_learning_rate: Learning rate of the head alone; whatever `Stage` takes.
        learning_rate: Learning rate of fine-tuning.
        fraction: Share of the backbone's layers that is fine-tuned.
        augmentation: Of both stages.
        batch_size: Of both stages.
        patience: Epochs without a smaller validation loss after which a stage ends, or None to
            train them all. Without validation images all are trained.
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
        ...     weights=None, cache=False, head_epochs=2, epochs=1, verbose=0)
        >>> [stage.name for stage in result.stages]
        ['head', 'fine-tune']
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
        backbone,
        head_epochs=head_epochs,
        epochs=epochs,
        head_learning_rate=head_learning_rate,
        learning_rate=learning_rate,
        fraction=fraction,
        augmentation=augmentation,
        batch_size=batch_size,
        patience=patience if held_out is not None else None,
        seed=seed,
        **settings,
    )
    return trainer.fit(train, held_out, resume=resume, verbose=verbose)


def fine_tune_trainer(
    backbone: Backbone = "efficientnet_v2_b0",
    *,
    head_epochs: int = 20,
    epochs: int = 10,
    head_learning_rate: LearningRate = 1e-3,
    learning_rate: LearningRate = 1e-5,
    fraction: float = 0.3,
    augmentation: Augmentation | None = None,
    batch_size: int = 32,
    patience: int | None = 5,
    seed: int = 0,
    **settings: Unpack[TrainerArguments],
) -> StagedTrainer:
    """Return the trainer of `fine_tune`, to see its plan, or to change its stages.

    Args:
        backbone: As for `fine_tune`, and so are all others; ``patience`` needs validation images.
        head_epochs: Most epochs of the head alone.
        epochs: Most epochs of fine-tuning.
        head_learning_rate: Of the head alone.
        learning_rate: Of fine-tuning.
        fraction: Share of the backbone's layers that is fine-tuned.
        augmentation: Of both stages.
        batch_size: Of both stages.
        patience: Epochs without a smaller validation loss, or None.
        seed: Of every random choice.
        **settings: As for `StagedTrainer`.

    Raises:
        TlkitError: As for `StagedTrainer`.

    Example:
        >>> import tlkit.testing
        >>> from tlkit.training import fine_tune_trainer
        >>> trainer = fine_tune_trainer(tlkit.testing.tiny_backbone(), weights=None, epochs=3)
        >>> [(stage.name, stage.epochs) for stage in trainer.stages]
        [('head', 20), ('fine-tune', 3)]
    """
    if "stages" in settings:
        raise TrainingError(
            "fine_tune makes its own stages, and was given stages. Use StagedTrainer(..., "
            "stages=...).fit(...) for others."
        )
    stages = linear_probe_then_fine_tune(
        head_epochs=head_epochs,
        epochs=epochs,
        head_learning_rate=head_learning_rate,
        learning_rate=learning_rate,
        policy=UnfreezeTop(fraction=fraction),
        batch_size=batch_size,
        augmentation=augmentation,
        callbacks=_early_stopping(patience),
    )
    settings.setdefault("keep", "best")
    return StagedTrainer(backbone, stages=stages, seed=seed, **settings)


def _early_stopping(patience: int | None) -> tuple[Callback, ...]:
    import keras

    if patience is None:
        return ()
    return (keras.callbacks.EarlyStopping("val_loss", patience=patience),)
