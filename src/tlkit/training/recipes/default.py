"""tlkit's own way to fine-tune, which fits itself to the images."""

from __future__ import annotations

from typing import Any

from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.data.labelled_images import LabelledImages
from tlkit.freezing.head import Head
from tlkit.freezing.own_head import GivenHead
from tlkit.freezing.policies import UnfreezeAll
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.rate import LearningRate, Rate
from tlkit.learning_rate.schedules import WarmupCosine
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.stage import Stage

# About so many training steps, in so many epochs.
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
