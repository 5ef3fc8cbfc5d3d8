"""A stage of training, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any

from tlkit._keras.types import Callback, Layer, Optimizer
from tlkit._numbers import is_whole, plain
from tlkit._printing import code_of
from tlkit.data.augmentation.transforms import AugmentationLike, Transform, as_transform
from tlkit.errors import TrainingError
from tlkit.freezing.policies import FreezeAll
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.rate import LearningRate, Rate
from tlkit.training._figures import KeepBest, checked_kept, larger_kept
from tlkit.training._losses_and_metrics import Loss, Metric, checked_loss, checked_metrics
from tlkit.training._objective import Objective
from tlkit.training._stage_checks import (
    SHARES,
    check_low_rank,
    check_made_anew,
    check_pull,
    check_rates,
    check_share,
    check_snapshots,
    check_views,
    checked_callbacks,
)
from tlkit.training.feeding.class_weights import ClassWeight, checked_class_weight


@dataclass(frozen=True, repr=False)
class Stage:
    """What one stage of training does; prints as the code that makes it, without the defaults.

    Args:
        name: Unique among the stages of a trainer.
        epochs: Passes over the training images.
        learning_rate: A number; a Keras ``LearningRateSchedule``, or a function that makes one of
            the number of steps in the stage, such as `WarmupCosine`; or an `ExponentialLRFinder`,
            which is searched first and whose suggestion is then used, also as the peak of a
            WarmupCosine. A schedule goes on through the phases of a stage, as `GradualUnfreeze`
            has them.
        policy: Which layers of the backbone are trained, such as `tlkit.UnfreezeTop`.
        batch_size: Images for each step.
        augmentation: Fresh random changes of every image in every epoch: an `Augmentation`,
            `ColorJitter`, `RandAugment`, `RandomErasing`, a Keras preprocessing layer or a
            ``keras.Sequential`` of them, a function called like an Augmentation; several in a list,
            made one after the other; or None. Layers are kept as a ``LayerAugmentation``.
        views: None changes every image anew in every epoch, so a frozen trunk runs in each of
            them. A number K makes K changes of each image, drawn as those of the first K epochs
            are, and goes through them in turn: epoch e sees view e mod K, and a frozen trunk runs
            K times for each image, now and in every later run that asks for the same views. An
            approximation: from epoch K on the images are not fresh. With K of at least ``epochs``
            it is none.
        optimizer: A name that ``keras.optimizers.get`` knows, or a function
            ``optimizer(learning_rate) -> keras.optimizers.Optimizer``. Every stage gets a new one.
        layer_decay: Factor in (0, 1] by which the learning rate falls from each layer with weights
            to the one below it: the head has the stage's rate, the backbone's k-th layer from the
            top ``learning_rate * layer_decay**k``. Layers are counted as Keras lists them, frozen
            ones too; a BatchNormalization goes with the next other layer below it. Exact for every
            optimizer, since each depth has one of its own; a ``global_clipnorm`` acts for each
            depth apart. Sources: Howard and Ruder, Universal Language Model Fine-tuning for Text
            Classification, 2018, https://arxiv.org/abs/1801.06146, section 3.2 (1 / 2.6 for each
            layer); Clark et al., ELECTRA, 2020, https://arxiv.org/abs/2003.10555 (0.8);
            Bao et al., BEiT, 2022, https://arxiv.org/abs/2106.08254. Needs Keras 3.15.
        backbone_learning_rate: Of the backbone's layers, where they shall not have the head's
            ``learning_rate``: a number, a schedule or what makes one. With ``layer_decay``, that of
            the backbone's layer at the top is ``layer_decay`` times this. Needs Keras 3.15.
        l2_sp: How strongly the backbone's weights are held by those with which the stage began, a
            number above 0, or None: in each step, before the optimizer's own update, a weight goes
            by ``rate * l2_sp * (weight - start)`` back to its start, so alone it would keep
            ``exp(-l2_sp * sum of all rates)`` of its way. Li, Grandvalet and Davoine, Explicit
            Inductive Bias for Transfer Learning with Convolutional Networks, ICML 2018,
            https://arxiv.org/abs/1802.01483, who have it in the loss of SGD; here it is beside the
            gradient, as AdamW's decay is (https://arxiv.org/abs/1711.05101), so that adaptive
            steps do not change its strength, and ``loss`` stays what it is. A ``weight_decay`` of
            the optimizer acts besides. Takes memory for one more copy of what is trained.
        callbacks: Keras callbacks, for example ``keras.callbacks.EarlyStopping``, used as they
            are; what they count is kept in the stage's checkpoints. Their ``self.model`` is the
            whole model, from images to probabilities, with the optimizer that trains.
        loss: What is lowered: a name that ``keras.losses.get`` knows, a ``keras.losses.Loss`` or a
            function of targets and probabilities ``(n, classes)``; None for cross-entropy. Targets
            are class indices ``(n,)`` where the loss or a metric is one of Keras's "Sparse" ones,
            else one-hot float32 ``(n, classes)``.
        metrics: What is counted besides ``accuracy``: names that ``keras.metrics.get`` knows, Keras
            metrics, functions of targets and probabilities, or functions that make a metric. The
            stage keeps new ones of the same arguments, and each phase gets its own. A metric that
            is called ``accuracy`` takes the place of the stage's.
        keep_best: The stage ends with the weights of the epoch in which this figure of its history
            was best: its name, whose direction Keras's metrics know, or the name with ``"max"`` or
            ``"min"``, as ``("val_f1", "max")``. None keeps the last. Without a validation set,
            figures that start with ``val_`` cannot be watched, and the last weights are kept. None
            also leaves in place what a callback puts into the model at the end, as
            ``EarlyStopping(restore_best_weights=True)`` does.
        class_weight: How much the images of each class count in the loss, as in ``fit``: a weight
            above 0 for each class by its name or its index, or ``"balanced"``, which is
            ``images / (classes * images of the class)``. Validation figures are not weighted.
        label_smoothing: Share of each label, in [0, 1), that is spread over all classes, as in
            ``keras.losses.CategoricalCrossentropy``; it is in ``loss`` and in ``val_loss``.
        mix: A function that makes a Keras layer that mixes images and labels, for example
            ``keras.layers.CutMix`` or ``functools.partial(keras.layers.MixUp, alpha=0.2)``. Each
            batch is mixed anew in every epoch, after the augmentation and before the frozen part.
            ``accuracy`` then counts the class with the largest share.
        ema: Momentum in (0, 1) of the optimizer's exponential moving average of the weights
            (``use_ema`` of Keras), or None for none. Validation figures, what ``keep_best`` keeps
            and what callbacks see between epochs are the averaged weights; ``loss`` and
            ``accuracy`` are of the weights in training. BatchNormalization statistics are not
            averaged.
        snapshots: Numbers of epochs below ``epochs``: what a stage of so many would have ended
            with is kept as well, see `TrainingResult.after`. So one run of 40 epochs holds those
            of 10 and 20. Only in a trainer's last stage, and with a learning rate that does not
            depend on the number of epochs, as that of `WarmupCosine` does.

    Raises:
        TrainingError: A value out of range; the message says which.
        DataError: The augmentation is none, or a layer that cannot be one.

    Example:
        >>> import tlkit
        >>> stage = tlkit.Stage("head", epochs=10, learning_rate=0.001)
        >>> stage.policy
        FreezeAll()
    """

    name: str
    _: KW_ONLY
    epochs: int
    learning_rate: LearningRate
    policy: Policy = field(default_factory=FreezeAll)
    batch_size: int = 32
    augmentation: AugmentationLike = None
    views: int | None = None
    optimizer: str | Callable[[Any], Optimizer] = "adam"
    layer_decay: float | None = None
    backbone_learning_rate: LearningRate | None = None
    l2_sp: float | None = None
    callbacks: Sequence[Callback] = ()
    loss: Loss = field(default=None, compare=False)
    metrics: Sequence[Metric] = field(default=(), compare=False)
    keep_best: KeepBest = "val_accuracy"
    class_weight: ClassWeight = None
    label_smoothing: float = 0.0
    mix: Callable[[], Layer] | None = None
    ema: float | None = None
    snapshots: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.snapshots, (list, tuple)):
            raise TrainingError(
                f"Stage {self.name!r}: snapshots={self.snapshots!r}, expected a list of numbers of "
                "epochs, such as snapshots=[10, 20]."
            )
        self._settle(snapshots=tuple(map(plain, self.snapshots)))
        # So that settings print and are stored alike.
        self._settle(**{part.name: plain(getattr(self, part.name)) for part in fields(self)})
        if not isinstance(self.name, str) or not self.name.strip():
            raise TrainingError(f"A stage is called {self.name!r}, expected a name.")
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not is_whole(value, 1):
                raise TrainingError(
                    f"Stage {self.name!r}: {name}={value!r}, expected a whole number from 1."
                )
        check_made_anew(self.policy, self.optimizer, self.mix, self.name)
        self._settle(
            augmentation=as_transform(self.augmentation),
            callbacks=checked_callbacks(self.callbacks, self.name),
            loss=checked_loss(self.loss, self.name),
            metrics=checked_metrics(self.metrics, self.name),
            keep_best=checked_kept(self.keep_best, self.name),
        )
        check_views(self.views, self.augmentation, self.mix, self.name)
        check_rates(self.learning_rate, self.backbone_learning_rate, self.name)
        check_pull(self.l2_sp, self.name)
        apart = ("layer_decay", "backbone_learning_rate", "l2_sp")
        check_low_rank(self.policy, {name: getattr(self, name) for name in apart}, self.name)
        for rate in self.rates:
            check_snapshots(self.snapshots, self.epochs, rate, self.name)
        for name, expected, limits in SHARES:
            check_share(getattr(self, name), expected, limits, f"Stage {self.name!r}: {name}")
        self._settle(class_weight=checked_class_weight(self.class_weight, self.name))
        self.objective.check(self.name)
        larger_kept(self.keep_best, self.objective.new_metrics(), self.name)

    def __repr__(self) -> str:
        return f"Stage({', '.join(code_of(self, written=self.objective.code).values())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stage):
            return NotImplemented
        return (
            all(
                getattr(self, part.name) == getattr(other, part.name)
                for part in fields(self)
                if part.compare
            )
            and self.objective.code == other.objective.code
        )

    @property
    def transform(self) -> Transform | None:
        """The augmentation as it is called; Keras layers have become one."""
        return as_transform(self.augmentation)

    @property
    def finder(self) -> ExponentialLRFinder | None:
        """What searches for the learning rate, or for its peak, first; None for a known rate."""
        return Rate.of(self.learning_rate).finder

    @property
    def rates(self) -> tuple[LearningRate, ...]:
        """All learning rates: that of the head, and that of the backbone where it has its own."""
        own = self.backbone_learning_rate
        return (self.learning_rate,) if own is None else (self.learning_rate, own)

    @property
    def larger_is_better(self) -> bool:
        """Whether ``keep_best`` keeps the largest value of its figure."""
        return larger_kept(self.keep_best, self.objective.new_metrics(), self.name)

    @property
    def objective(self) -> Objective:
        """What is lowered and what is counted."""
        return Objective(self.loss, tuple(self.metrics), self.label_smoothing, self.mix is not None)

    def _settle(self, **settings: object) -> None:
        for name, value in settings.items():
            object.__setattr__(self, name, value)
