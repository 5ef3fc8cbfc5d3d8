"""The stage that brings the head to its optimum on frozen features, without a training step."""

from __future__ import annotations

from dataclasses import dataclass, field

from tlkit._numbers import is_whole
from tlkit._printing import code_of
from tlkit.errors import TrainingError
from tlkit.freezing.policies import FreezeAll
from tlkit.freezing.policy import Policy
from tlkit.learning_rate.rate import LearningRate
from tlkit.training.stage import Stage


@dataclass(frozen=True, repr=False, eq=False)
class ProbeStage(Stage):
    """Give the head the weights of a logistic regression on the frozen backbone's features.

    It is the linear probe of `tlkit.probe`, as a stage: a multinomial logistic regression with an
    L2 penalty at its optimum, the penalty chosen by a cross-validation of the training images
    alone. A stage after it begins with a head that is as good as the features allow, so that its
    gradients do not distort them: LP-FT of Kumar et al., Fine-Tuning can Distort Pretrained
    Features and Underperform Out-of-Distribution, ICLR 2022, https://arxiv.org/abs/2202.10054.
    With ``StagedTrainer(keep="best")`` the model stays the probe where training does not help.

    It needs a head that is one softmax layer, as `tlkit.Head` is without ``units``, and images of
    one class each. Its history has one epoch, whose figures are those of the finished head; its
    other settings are those of a `Stage` that says nothing of them.

    Args:
        name: Unique among the stages of a trainer.
        folds: Of the cross-validation, at least 2; fewer where no class has so many images.

    Raises:
        TrainingError: Fewer folds, or no name.

    Example:
        >>> import tlkit, tlkit.testing
        >>> trainer = tlkit.StagedTrainer(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False, stages=[
        ...         tlkit.ProbeStage("probe"),
        ...         tlkit.Stage("all", epochs=1, learning_rate=1e-4, policy=tlkit.UnfreezeAll())])
        >>> result = trainer.fit(tlkit.testing.tiny_dataset(), verbose=0)
        >>> [(stage.name, stage.epochs) for stage in result.stages]
        [('probe', 1), ('all', 1)]
    """

    folds: int = 5
    epochs: int = field(default=1, init=False)
    # No step is taken at it.
    learning_rate: LearningRate = field(default=1.0, init=False)
    policy: Policy = field(default_factory=FreezeAll, init=False)
    batch_size: int = field(default=32, init=False)
    augmentation: None = field(default=None, init=False)
    views: None = field(default=None, init=False)
    optimizer: str = field(default="sgd", init=False)
    layer_decay: None = field(default=None, init=False)
    backbone_learning_rate: None = field(default=None, init=False)
    l2_sp: None = field(default=None, init=False)
    callbacks: tuple[()] = field(default=(), init=False)
    loss: None = field(default=None, init=False)
    metrics: tuple[()] = field(default=(), init=False)
    keep_best: None = field(default=None, init=False)
    class_weight: None = field(default=None, init=False)
    label_smoothing: float = field(default=0.0, init=False)
    mix: None = field(default=None, init=False)
    ema: None = field(default=None, init=False)
    snapshots: tuple[()] = field(default=(), init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.folds, 2):
            raise TrainingError(
                f"Stage {self.name!r}: folds={self.folds!r}, expected a whole number from 2: the "
                "penalty is chosen on folds that the regression has not seen. 5 is usual."
            )

    def __repr__(self) -> str:
        return f"ProbeStage({', '.join(code_of(self).values())})"
