"""A stage of training, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from numbers import Real
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
from tlkit.training._figures import Mode, check_kept, is_larger_better
from tlkit.training.feeding.class_weights import ClassWeight, check_class_weight


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
        augmentation: Fresh random changes of every image in every epoch: an `Augmentation`, a Keras
            preprocessing layer or a ``keras.Sequential`` of them, a function called like an
            Augmentation, or None. Layers are kept as a ``LayerAugmentation``.
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
        callbacks: Keras callbacks, for example ``keras.callbacks.EarlyStopping``. The stage works
            on copies, whose counters are kept in its checkpoints.
        keep_best: The stage ends with the weights of the epoch in which this figure of its history
            was best. None keeps the last. Without a validation set, figures that start with
            ``val_`` cannot be watched, and the last weights are kept. None also leaves in place
            what a callback puts into the model at the end, as
            ``EarlyStopping(restore_best_weights=True)`` does.
        keep_best_mode: ``"max"`` or ``"min"``: whether that figure is best where it is largest or
            smallest. ``"auto"`` knows it of Keras's losses and metrics by their names.
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
    callbacks: Sequence[Callback] = ()
    keep_best: str | None = "val_accuracy"
    keep_best_mode: Mode = "auto"
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
        object.__setattr__(self, "snapshots", tuple(map(plain, self.snapshots)))
        for part in fields(self):  # so that settings print and are stored alike
            object.__setattr__(self, part.name, plain(getattr(self, part.name)))
        if not isinstance(self.name, str) or not self.name.strip():
            raise TrainingError(f"A stage is called {self.name!r}, expected a name.")
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not is_whole(value, 1):
                raise TrainingError(
                    f"Stage {self.name!r}: {name}={value!r}, expected a whole number from 1."
                )
        if not callable(self.policy):
            raise TrainingError(
                f"Stage {self.name!r}: policy={self.policy!r}, expected a policy such as "
                "FreezeAll() or UnfreezeTop(layers=8)."
            )
        if not (isinstance(self.optimizer, str) or callable(self.optimizer)):
            raise TrainingError(
                f"Stage {self.name!r}: optimizer={self.optimizer!r}, expected a name such as "
                "'adam' or a function of the learning rate, for example "
                "functools.partial(keras.optimizers.SGD, momentum=0.9): every stage needs a new "
                "optimizer."
            )
        object.__setattr__(self, "augmentation", as_transform(self.augmentation))
        self._check_callbacks()
        check_kept(self.name, self.keep_best, self.keep_best_mode)
        self._check_mix()
        self._check_views()
        self._check_rate()
        self._check_snapshots()
        self._check_share("layer_decay", "None or a number above 0 and at most 1", one=True)
        self._check_share("ema", "None or a number between 0 and 1")
        self._check_share("label_smoothing", "a number from 0 to below 1", zero=True)
        check_class_weight(self.class_weight, self.name)

    def __repr__(self) -> str:
        return f"Stage({', '.join(code_of(self).values())})"

    @property
    def transform(self) -> Transform | None:
        """The augmentation as it is called; Keras layers have become one."""
        return as_transform(self.augmentation)

    @property
    def finder(self) -> ExponentialLRFinder | None:
        """What searches for the learning rate, or for its peak, first; None for a known rate."""
        return Rate.of(self.learning_rate).finder

    @property
    def larger_is_better(self) -> bool:
        """Whether ``keep_best`` keeps the largest value of its figure."""
        if self.keep_best_mode == "auto":
            return bool(is_larger_better(self.keep_best or ""))
        return self.keep_best_mode == "max"

    def _check_callbacks(self) -> None:
        given = self.callbacks
        # A single callback, which some have a length or can be gone through, is no list of them.
        each = given if isinstance(given, (list, tuple)) else (None,)
        if not all(hasattr(callback, "on_epoch_end") for callback in each):
            raise TrainingError(
                f"Stage {self.name!r}: callbacks={given!r}, expected a list of Keras callbacks, "
                "such as callbacks=[keras.callbacks.EarlyStopping()]."
            )
        object.__setattr__(self, "callbacks", tuple(given))

    def _check_mix(self) -> None:
        # Layers can be called too, but only with images.
        if self.mix is not None and (not callable(self.mix) or hasattr(self.mix, "built")):
            raise TrainingError(
                f"Stage {self.name!r}: mix={self.mix!r}, expected a function that makes a layer, "
                "such as keras.layers.CutMix or functools.partial(keras.layers.MixUp, alpha=0.2): "
                "every stage needs a new one."
            )

    def _check_views(self) -> None:
        if self.views is None:
            return
        if not is_whole(self.views, 1):
            raise TrainingError(
                f"Stage {self.name!r}: views={self.views!r}, expected None or a whole number from "
                "1: how many augmented views of each image are kept."
            )
        for name, missing in (("augmentation", True), ("mix", False)):
            if (getattr(self, name) is None) is missing:
                raise TrainingError(
                    f"Stage {self.name!r}: views={self.views!r} with {name}="
                    f"{getattr(self, name)!r}. Views are kept of augmented images, and cannot be "
                    "kept of images that are mixed in each batch. Leave views out."
                )

    def _check_snapshots(self) -> None:
        whole = all(is_whole(n, 1) and n < self.epochs for n in self.snapshots)
        if not whole or len(set(self.snapshots)) < len(self.snapshots):
            raise TrainingError(
                f"Stage {self.name!r}: snapshots={self.snapshots!r}, expected different numbers "
                f"from 1 to {self.epochs - 1}: epochs after which the stage could have ended."
            )
        if self.snapshots and Rate.of(self.learning_rate).depends_on_length:
            raise TrainingError(
                f"Stage {self.name!r}: snapshots={self.snapshots!r} with learning_rate="
                f"{self.learning_rate!r}, which depends on the number of epochs: a shorter stage "
                "would have had other rates. Run the shorter stages by themselves."
            )

    def _check_share(
        self, name: str, expected: str, *, zero: bool = False, one: bool = False
    ) -> None:
        value = getattr(self, name)
        if value is None and not zero:
            return
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not (number and (0 < value < 1 or (zero and value == 0) or (one and value == 1))):
            raise TrainingError(f"Stage {self.name!r}: {name}={value!r}, expected {expected}.")

    def _check_rate(self) -> None:
        try:
            Rate.of(self.learning_rate)
        except TrainingError as error:
            raise TrainingError(f"Stage {self.name!r}: {error}") from None
