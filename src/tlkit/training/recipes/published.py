"""Ways to fine-tune that others published, each as a tuple of stages."""

from __future__ import annotations

from typing import Any, Unpack

from tlkit.data.augmentation.geometric import Augmentation
from tlkit.freezing.policies import GradualUnfreeze, UnfreezeAll, UnfreezeTop
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.rate import LearningRate
from tlkit.training.arguments import (
    AugmentedStageArguments,
    StageArguments,
    UndecayedStageArguments,
)
from tlkit.training.stage import Stage

Stages = tuple[Stage, ...]


def linear_probe_then_fine_tune(
    *,
    head_epochs: int = 10,
    epochs: int = 10,
    head_learning_rate: LearningRate = 1e-3,
    learning_rate: LearningRate = 1e-5,
    policy: Policy | None = None,
    **settings: Unpack[StageArguments],
) -> Stages:
    """Train the head on the frozen backbone, then the backbone too, at a small rate.

    LP-FT of Kumar, Raghunathan, Jones, Ma and Liang, Fine-Tuning can Distort Pretrained Features
    and Underperform Out-of-Distribution, ICLR 2022, https://arxiv.org/abs/2202.10054: a head that
    is already good gives small gradients, so the pretrained features stay what they are.

    Args:
        head_epochs: Of the head alone.
        epochs: Of fine-tuning.
        head_learning_rate: Learning rate of the head alone; whatever `tlkit.Stage` takes.
        learning_rate: Learning rate of fine-tuning.
        policy: What is fine-tuned; the paper's ``UnfreezeAll()`` where None.
        **settings: Of both stages, as for `tlkit.Stage`.

    Returns:
        The stages "head" and "fine-tune".

    Example:
        >>> import tlkit
        >>> [stage.name for stage in tlkit.recipes.linear_probe_then_fine_tune(batch_size=64)]
        ['head', 'fine-tune']
    """
    chosen = UnfreezeAll() if policy is None else policy
    return (
        Stage("head", epochs=head_epochs, learning_rate=head_learning_rate, **settings),
        Stage("fine-tune", epochs=epochs, learning_rate=learning_rate, policy=chosen, **settings),
    )


def gradual_unfreezing(
    *,
    groups: int = 4,
    every: int = 1,
    more_epochs: int = 5,
    head_learning_rate: LearningRate = 1e-3,
    learning_rate: LearningRate = 1e-5,
    **settings: Unpack[StageArguments],
) -> Stages:
    """Train the head, then a group of layers more every so many epochs, top first.

    Howard and Ruder, Universal Language Model Fine-tuning for Text Classification, ACL 2018,
    https://arxiv.org/abs/1801.06146, section 3.3: one epoch for each group, the last layer first,
    and at the end all layers until they converge.

    Args:
        groups: How many groups the backbone is divided into.
        every: Epochs of the head alone, and after which each group is joined by the next.
        more_epochs: Epochs with the whole backbone unfrozen, after the first ``every`` of them.
        head_learning_rate: Learning rate of the head alone; whatever `tlkit.Stage` takes.
        learning_rate: Learning rate of the unfreezing.
        **settings: Of both stages, as for `tlkit.Stage`.

    Returns:
        The stages "head" and "unfreezing".

    Example:
        >>> import tlkit
        >>> [stage.epochs for stage in tlkit.recipes.gradual_unfreezing(groups=3, more_epochs=2)]
        [1, 5]
    """
    policy = GradualUnfreeze(groups=groups, every=every)
    epochs = groups * every + more_epochs
    return (
        Stage("head", epochs=every, learning_rate=head_learning_rate, **settings),
        Stage("unfreezing", epochs=epochs, learning_rate=learning_rate, policy=policy, **settings),
    )


def discriminative(
    *,
    head_epochs: int = 10,
    epochs: int = 10,
    head_learning_rate: LearningRate = 1e-3,
    learning_rate: LearningRate = 1e-4,
    layer_decay: float = 0.98,
    **settings: Unpack[UndecayedStageArguments],
) -> Stages:
    """Train the head, then everything, each layer at a smaller rate than the one above it.

    The discriminative fine-tuning of Howard and Ruder, 2018, https://arxiv.org/abs/1801.06146,
    section 3.1, who divide the rate by 2.6 from one layer to the next of a network of four. The
    default here is for networks of many layers: over a hundred of them the rate falls to an eighth.

    Args:
        head_epochs: Of the head alone.
        epochs: Of fine-tuning.
        head_learning_rate: Learning rate of the head alone; whatever `tlkit.Stage` takes.
        learning_rate: Learning rate of the top in fine-tuning.
        layer_decay: As for `tlkit.Stage`.
        **settings: Of both stages, as for `tlkit.Stage`.

    Returns:
        The stages "head" and "fine-tune".

    Example:
        >>> import tlkit
        >>> tlkit.recipes.discriminative()[1].layer_decay
        0.98
    """
    fine_tune: dict[str, Any] = {"policy": UnfreezeAll(), "layer_decay": layer_decay, **settings}
    return (
        Stage("head", epochs=head_epochs, learning_rate=head_learning_rate, **settings),
        Stage("fine-tune", epochs=epochs, learning_rate=learning_rate, **fine_tune),
    )


# The rate that the study's search found for Xception.
_FOUND = 4e-4


def study(
    *,
    epochs: int = 40,
    layers: int = 8,
    augmentation: Augmentation | None = None,
    finder: ExponentialLRFinder | None = None,
    **settings: Unpack[AugmentedStageArguments],
) -> Stages:
    """Return the stages of the published Rakuten study, one after the other.

    1 trains the head at 0.001; 2 goes on with augmentation; 3 unfreezes the top at 0.00001; 5 does
    so at the rate that stage 4 found for Xception. The study chose the best of many backbones after
    stage 1, searched with a head that was not trained yet, for each backbone, and fine-tuned for
    stage 5 from other weights than those of stage 3: examples/rakuten repeats it to the letter. Its
    head is ``Head(units=(1024, 512))``, its preprocessing ``"unit"``.

    Args:
        epochs: Of each stage.
        layers: How many of the backbone's last layers are unfrozen.
        augmentation: From stage 2 on; the study's where None.
        finder: Searches for the rate of stage 5, with which that stage then begins, such as
            ``ExponentialLRFinder.study()``; it finds none where stage 3 has left little to learn.
            None takes 0.0004.
        **settings: Of all stages, as for `tlkit.Stage`.

    Returns:
        Four stages; there is none for the search.

    Example:
        >>> import tlkit
        >>> [stage.name for stage in tlkit.recipes.study(epochs=10, batch_size=64)]
        ['1 frozen', '2 augmented', '3 fine-tuned', '5 final']
    """
    augmented: dict[str, Any] = {"augmentation": augmentation or Augmentation(), **settings}
    top: dict[str, Any] = {"policy": UnfreezeTop(layers=layers), **augmented}
    rate = finder or _FOUND
    return (
        Stage("1 frozen", epochs=epochs, learning_rate=1e-3, **settings),
        Stage("2 augmented", epochs=epochs, learning_rate=1e-3, **augmented),
        Stage("3 fine-tuned", epochs=epochs, learning_rate=1e-5, **top),
        Stage("5 final", epochs=epochs, learning_rate=rate, **top),
    )
