"""Published ways to fine-tune, each as a tuple of stages; `tlkit.recipes` shows them."""

from __future__ import annotations

from typing import Any, Unpack

from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.data.labelled_images import LabelledImages
from tlkit.freezing.head import Head
from tlkit.freezing.own_head import GivenHead
from tlkit.freezing.policies import GradualUnfreeze, UnfreezeAll, UnfreezeTop
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.rate import LearningRate, Rate
from tlkit.learning_rate.schedules import WarmupCosine
from tlkit.training.arguments import (
    AugmentedStageArguments,
    StageArguments,
    UndecayedStageArguments,
)
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.stage import Stage

Stages = tuple[Stage, ...]
# Of `default`: about so many training steps, in so many epochs.
_STEPS, _FEWEST, _MOST = 300, 4, 30


def default(
    train: LabelledImages,
    *,
    head: GivenHead | None = None,
    epochs: int | None = None,
    learning_rate: LearningRate = 5e-4,
    policy: Policy | None = None,
    batch_size: int = 32,
    augmentation: AugmentationLike = None,
    label_smoothing: float = 0.1,
) -> Stages:
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
    often.

    Args:
        train: Training images; their number and kind decide.
        head: Of the model, as for `tlkit.StagedTrainer`.
        epochs: Of fine-tuning; about 300 steps, in 4 to 30 epochs, where None.
        learning_rate: Of fine-tuning: the peak of the cosine, or whatever `tlkit.Stage` takes.
        policy: What is fine-tuned; ``UnfreezeAll()`` where None.
        batch_size: Of both stages.
        augmentation: Of fine-tuning, as for `tlkit.Stage`.
        label_smoothing: Of fine-tuning; images with several labels have none.

    Returns:
        The stages "probe", or "head", and "fine-tune".

    Example:
        >>> import tlkit, tlkit.testing
        >>> tlkit.recipes.default(tlkit.testing.tiny_dataset(960))[1].epochs
        10
    """
    steps = -(-len(train) // batch_size)
    if epochs is None:
        epochs = min(_MOST, max(_FEWEST, round(_STEPS / steps)))
    several = train.labels.ndim > 1
    rate = Rate.of(learning_rate).given
    fine_tune: dict[str, Any] = {
        "policy": UnfreezeAll() if policy is None else policy,
        "learning_rate": WarmupCosine(rate)
        if isinstance(rate, float | ExponentialLRFinder)
        else rate,
        "augmentation": augmentation,
        "label_smoothing": 0.0 if several else label_smoothing,
        "ema": round(max(1 - 3 / (steps * epochs), 0.5), 5),
    }
    first: Stage = ProbeStage("probe")
    plain = head is None or (isinstance(head, Head) and not head.units)
    if several or not plain:
        first = Stage("head", epochs=20, learning_rate=1e-3, batch_size=batch_size)
    last = Stage("fine-tune", epochs=epochs, batch_size=batch_size, optimizer="adamw", **fine_tune)
    return first, last


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
    so at the rate that the search of stage 4 finds, with which it begins. The study chose the best
    of many backbones after stage 1, fine-tuned for stage 5 from other weights than those of stage
    3, and searched without augmentation: examples/rakuten repeats it to the letter. Its head is
    ``Head(units=(1024, 512))``, its preprocessing ``"unit"``.

    Args:
        epochs: Of each stage.
        layers: How many of the backbone's last layers are unfrozen.
        augmentation: From stage 2 on; the study's where None.
        finder: Stage 4; ``ExponentialLRFinder.study()``, 100 epochs, where None.
        **settings: Of all stages, as for `tlkit.Stage`.

    Returns:
        Four stages; the fourth holds the search.

    Example:
        >>> import tlkit
        >>> [stage.name for stage in tlkit.recipes.study(epochs=10, batch_size=64)]
        ['1 frozen', '2 augmented', '3 fine-tuned', '5 final']
    """
    augmented: dict[str, Any] = {"augmentation": augmentation or Augmentation(), **settings}
    top: dict[str, Any] = {"policy": UnfreezeTop(layers=layers), **augmented}
    rate = finder or ExponentialLRFinder.study()
    return (
        Stage("1 frozen", epochs=epochs, learning_rate=1e-3, **settings),
        Stage("2 augmented", epochs=epochs, learning_rate=1e-3, **augmented),
        Stage("3 fine-tuned", epochs=epochs, learning_rate=1e-5, **top),
        Stage("5 final", epochs=epochs, learning_rate=rate, **top),
    )
