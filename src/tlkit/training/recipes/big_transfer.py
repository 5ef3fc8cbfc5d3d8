"""The rule of Big Transfer, which is told the number of images and nothing else."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.data.labelled_images import LabelledImages
from tlkit.freezing.policies import UnfreezeAll
from tlkit.learning_rate.schedules import Staircase
from tlkit.training.arguments import UnaugmentedStageArguments
from tlkit.training.recipes.published import Stages
from tlkit.training.stage import Stage


def bit_hyperrule(
    train: LabelledImages,
    *,
    batch_size: int = 32,
    epochs: int | None = None,
    learning_rate: float = 3e-3,
    augmentation: AugmentationLike = None,
    **settings: Unpack[UnaugmentedStageArguments],
) -> Stages:
    """Train all layers for as long, and mix as much, as the number of images says.

    BiT-HyperRule of Kolesnikov et al., Big Transfer (BiT): General Visual Representation Learning,
    ECCV 2020, https://arxiv.org/abs/1912.11370, section 3.3, with the numbers of
    https://github.com/google-research/big_transfer: SGD with momentum 0.9 at 0.003, warmed up on a
    line, then divided by ten three times, for 500 steps of 512 images below 20,000 images, 10,000
    below 500,000, else 20,000; MixUp of 0.1 from 20,000 images on; flips, and crops of 480 of 512
    pixels. In other batches the same number of images is seen at a rate in proportion, as in the
    authors' own notebook: below 20,000 images 8,000 steps of 32, which is 274 epochs of 933 images.

    The rule has pictures below 96 x 96 pixels at 128, others at 480: ``image_size`` of the trainer.
    What differs: its head begins at zero, and its networks have no BatchNormalization, which stays
    frozen here; all of the rule's crops have the same size, which for small pictures is 128 of 160.

    Args:
        train: Training images, which are counted.
        batch_size: Images for each step.
        epochs: Of training; the rule's where None. The schedule is as long as they are.
        learning_rate: Of a batch of 512 images.
        augmentation: The rule's where None.
        **settings: As for `tlkit.Stage`.

    Returns:
        The stage "fine-tune".

    Example:
        >>> import tlkit, tlkit.testing
        >>> (stage,) = tlkit.recipes.bit_hyperrule(tlkit.testing.tiny_dataset(1000), batch_size=512)
        >>> stage.epochs, stage.learning_rate.at
        (256, (0.4, 0.6, 0.8))
    """
    import keras

    images = len(train)
    small = images < 20_000
    steps = 500 if small else 10_000 if images < 500_000 else 20_000
    given: dict[str, Any] = {
        "optimizer": partial(keras.optimizers.SGD, momentum=0.9),
        "mix": None if small else partial(keras.layers.MixUp, alpha=0.1),
        **settings,
    }
    return (
        Stage(
            "fine-tune",
            epochs=max(1, round(steps * 512 / images)) if epochs is None else epochs,
            learning_rate=_rate(learning_rate * batch_size / 512, steps),
            policy=UnfreezeAll(),
            batch_size=batch_size,
            augmentation=_flips_and_crops() if augmentation is None else augmentation,
            **given,
        ),
    )


def _rate(peak: float, steps: int) -> Staircase:
    """Return where the authors' code ends the warm-up, and where it divides the rate by ten."""
    warmup, at = (100, (0.4, 0.6, 0.8)) if steps == 500 else (500, (0.3, 0.6, 0.9))
    return Staircase(tuple(peak / 10**n for n in range(4)), at, warmup / steps)


def _flips_and_crops() -> Augmentation:
    area = (480 / 512) ** 2
    return Augmentation(
        rotation=0,
        shear=0,
        width_shift=0,
        height_shift=0,
        zoom=0,
        vertical_flip=False,
        crop=(area, area),
        crop_aspect=(1, 1),
    )
