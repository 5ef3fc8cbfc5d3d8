"""A stage of training, as data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from tlkit.data.augment import Augmentation
from tlkit.errors import TrainingError
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training.policies import FreezeAll, Policy


@dataclass(frozen=True)
class Stage:
    """What one stage of training does.

    Args:
        name: Unique among the stages of a trainer.
        epochs: Passes over the training images.
        learning_rate: A number, a Keras ``LearningRateSchedule``, or an `ExponentialLRFinder`,
            which is searched first and whose suggestion is then used.
        policy: Which layers of the backbone are trained; see `tlkit.training.policies`.
        batch_size: Images for each step.
        augmentation: Fresh random transforms of every image in every epoch, or None.
        optimizer: A name that ``keras.optimizers.get`` knows, or a function
            ``optimizer(learning_rate) -> keras.optimizers.Optimizer``. Every stage gets a new one.
        layer_decay: Reserved for layer-wise decayed rates; this version accepts None only.
        callbacks: Keras callbacks, for example ``keras.callbacks.EarlyStopping``. The stage works
            on copies, whose counters are kept in its checkpoints.
        keep_best: The stage ends with the weights of the epoch in which this figure of its history
            was best (largest for names that end in "accuracy", else smallest). None keeps the
            last. Without a validation set, figures that start with ``val_`` cannot be watched, and
            the last weights are kept.

    Raises:
        TrainingError: A value out of range; the message says which.

    Example:
        >>> import tlkit
        >>> stage = tlkit.Stage("head", epochs=10, learning_rate=0.001)
        >>> stage.policy
        FreezeAll()
    """

    name: str
    _: KW_ONLY
    epochs: int
    learning_rate: Any
    policy: Policy = field(default_factory=FreezeAll)
    batch_size: int = 32
    augmentation: Augmentation | None = None
    optimizer: str | Callable[[Any], Any] = "adam"
    layer_decay: float | None = None
    callbacks: tuple[Any, ...] = ()
    keep_best: str | None = "val_accuracy"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise TrainingError(f"A stage is called {self.name!r}, expected a name.")
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
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
        if self.layer_decay is not None:
            raise TrainingError(
                f"Stage {self.name!r}: layer_decay={self.layer_decay!r} is not supported by this "
                "version. Leave it out: all trained layers then have one rate."
            )
        self._check_rate()

    @property
    def searches(self) -> bool:
        """Whether the learning rate is searched for first."""
        return isinstance(self.learning_rate, ExponentialLRFinder)

    def _check_rate(self) -> None:
        rate = self.learning_rate
        if isinstance(rate, (int, float)) and not (math.isfinite(rate) and rate > 0):
            raise TrainingError(
                f"Stage {self.name!r}: learning_rate={rate!r}, expected a finite number above 0."
            )
        if rate is None or isinstance(rate, (str, bool)):
            raise TrainingError(
                f"Stage {self.name!r}: learning_rate={rate!r}, expected a number, a Keras "
                "LearningRateSchedule or an ExponentialLRFinder."
            )
