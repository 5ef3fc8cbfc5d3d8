"""What other libraries do when they are asked to fine-tune, to compare with."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

from tlkit._numbers import is_whole
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.errors import TrainingError
from tlkit.freezing.policies import FreezeAll, UnfreezeAll
from tlkit.learning_rate.schedules import OneCycle, Staircase
from tlkit.training.arguments import AugmentedStageArguments, OwnBackboneRateArguments
from tlkit.training.recipes.published import Stages
from tlkit.training.stage import Stage


def keras_guide(
    *,
    head_epochs: int = 20,
    epochs: int = 10,
    head_learning_rate: float = 1e-3,
    learning_rate: float = 1e-5,
    augmentation: AugmentationLike = None,
    **settings: Unpack[AugmentedStageArguments],
) -> Stages:
    """Return the two steps of Keras's guide: the head alone, then all layers at a small rate.

    Transfer learning & fine-tuning, https://keras.io/guides/transfer_learning: Adam in batches of
    32, on pictures that are mirrored and turned by up to a tenth of a turn, `tlkit.Head` with its
    dropout of 0.2. Later editions of the guide run 2 and 1 epochs, to be built quickly.

    What differs: the guide keeps the statistics of BatchNormalization and trains its scale and
    offset; here all of it is frozen. As in all recipes, a stage ends with its best epoch by the
    validation images; the guide takes the last, which is ``keep_best=None``.

    Args:
        head_epochs: Of the head alone.
        epochs: Of fine-tuning.
        head_learning_rate: Learning rate of the head alone.
        learning_rate: Learning rate of fine-tuning.
        augmentation: Of both stages; the guide's where None.
        **settings: Of both stages, as for `tlkit.Stage`.

    Returns:
        The stages "head" and "fine-tune".

    Example:
        >>> import tlkit
        >>> [(stage.epochs, stage.learning_rate) for stage in tlkit.recipes.keras_guide()]
        [(20, 0.001), (10, 1e-05)]
    """
    both: dict[str, Any] = {
        "augmentation": _flips_and_turns() if augmentation is None else augmentation,
        **settings,
    }
    return (
        Stage("head", epochs=head_epochs, learning_rate=head_learning_rate, **both),
        Stage(
            "fine-tune", epochs=epochs, learning_rate=learning_rate, policy=UnfreezeAll(), **both
        ),
    )


def fastai(
    epochs: int = 5,
    *,
    freeze_epochs: int = 1,
    learning_rate: float = 2e-3,
    rate_ratio: float = 100.0,
    **settings: Unpack[OwnBackboneRateArguments],
) -> Stages:
    """Return what fastai's ``Learner.fine_tune(epochs)`` does: two cycles of the rate.

    https://docs.fast.ai/callback.schedule.html#learner.fine_tune: first the head and
    BatchNormalization, where 99 % of the steps go up to the rate; then all layers, up to half of it
    in 30 % of the steps, the backbone at a hundredth of that. AdamW of ``weight_decay=0.01``,
    ``beta_2=0.99`` and ``epsilon=1e-5`` in batches of 64, fastai's own numbers.

    What differs: fastai moves the momentum as well, from 0.95 to 0.85 and back, here it is 0.9; it
    spares BatchNormalization and offsets the weight decay; of networks that it knows, such as
    ResNet, it trains the upper half at a tenth instead of a hundredth. Its head has two layers,
    `tlkit.Head` one, and its pictures are augmented by what the caller gives, as here.

    Args:
        epochs: With all layers.
        freeze_epochs: Of the head alone.
        learning_rate: fastai's ``base_lr``: the highest of the first stage, of the second its half.
        rate_ratio: fastai's ``lr_mult``: how much smaller the backbone's rate is.
        **settings: Of both stages, as for `tlkit.Stage`. Needs Keras 3.15.

    Returns:
        The stages "frozen" and "unfrozen".

    Example:
        >>> import tlkit
        >>> frozen, unfrozen = tlkit.recipes.fastai(5)
        >>> unfrozen.learning_rate
        OneCycle(peak=0.001, warmup=0.3, div=5.0, final_div=100000.0)
        >>> unfrozen.backbone_learning_rate.peak
        1e-05
    """
    from keras.optimizers import AdamW

    adam = partial(AdamW, weight_decay=0.01, beta_2=0.99, epsilon=1e-5)
    both: dict[str, Any] = {"optimizer": adam, "batch_size": 64, **settings}
    half = learning_rate / 2
    return (
        Stage(
            "frozen",
            epochs=freeze_epochs,
            learning_rate=OneCycle(learning_rate, warmup=0.99),
            # fastai's slice(rate) without a start.
            backbone_learning_rate=OneCycle(learning_rate / 10, warmup=0.99),
            policy=FreezeAll(batch_norm="train"),
            **both,
        ),
        Stage(
            "unfrozen",
            epochs=epochs,
            learning_rate=OneCycle(half, warmup=0.3, div=5.0),
            backbone_learning_rate=OneCycle(half / rate_ratio, warmup=0.3, div=5.0),
            policy=UnfreezeAll(batch_norm="train"),
            **both,
        ),
    )


def lightning(
    epochs: int = 20,
    *,
    unfreeze_at: int = 10,
    learning_rate: float = 1e-3,
    ratio: float = 0.1,
    growth: float = 2.0,
    **settings: Unpack[OwnBackboneRateArguments],
) -> Stages:
    """Return what Lightning's callback ``BackboneFinetuning`` does to a training.

    https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.BackboneFinetuning.html:
    the head and BatchNormalization alone for ten epochs, then the backbone too, at first at a tenth
    of the head's rate, which grows with each epoch until it is the head's. The callback doubles it,
    the example of its documentation takes 1.5.

    What differs: Lightning goes on with the same optimizer, here the second stage has a new one. It
    leaves the optimizer, the rate and the number of epochs to its user: here they are Adam, 0.001
    and 20, unless they are given.

    Args:
        epochs: Of both stages together.
        unfreeze_at: After how many of them the backbone joins in.
        learning_rate: Of the head, a number above 0.
        ratio: The backbone's first rate as a share of the head's, above 0 and at most 1.
        growth: By which it is multiplied after each epoch, at least 1.
        **settings: Of both stages, as for `tlkit.Stage`. Needs Keras 3.15.

    Returns:
        The stages "frozen" and "unfrozen".

    Raises:
        TrainingError: A value out of its range.

    Example:
        >>> import tlkit
        >>> tlkit.recipes.lightning(14)[1].backbone_learning_rate
        Staircase(rates=(0.0001, 0.0002, 0.0004, 0.0008), at=(0.25, 0.5, 0.75), warmup=0.0)
    """
    if not (is_whole(unfreeze_at, 1) and is_whole(epochs, unfreeze_at + 1)):
        raise TrainingError(
            f"epochs={epochs!r} and unfreeze_at={unfreeze_at!r}, expected whole numbers from 1, "
            "and more epochs than those before the backbone joins in."
        )
    if not (0 < ratio <= 1 and growth >= 1):
        raise TrainingError(
            f"ratio={ratio!r} and growth={growth!r}, expected a ratio above 0 and at most 1, and a "
            "growth from 1, such as 0.1 and 2."
        )
    left = epochs - unfreeze_at
    rates = [learning_rate * min(1.0, ratio * growth**epoch) for epoch in range(left)]
    steps = [n for n in range(1, left) if rates[n] != rates[n - 1]]
    rising = Staircase(tuple(rates[n] for n in (0, *steps)), tuple(n / left for n in steps))
    both: dict[str, Any] = {"learning_rate": learning_rate, **settings}
    frozen, unfrozen = FreezeAll(batch_norm="train"), UnfreezeAll(batch_norm="train")
    return (
        Stage("frozen", epochs=unfreeze_at, policy=frozen, **both),
        Stage("unfrozen", epochs=left, policy=unfrozen, backbone_learning_rate=rising, **both),
    )


def _flips_and_turns() -> Augmentation:
    return Augmentation(
        rotation=36,
        shear=0,
        width_shift=0,
        height_shift=0,
        zoom=0,
        vertical_flip=False,
        fill_mode="reflect",
    )
