"""Keyword arguments that are passed on, by name and type, for checkers and editors.

Those that a function names itself are left out of what it passes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from tlkit._keras.types import Callback, Layer, Optimizer
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.features.engines.precision import TrunkPrecision
from tlkit.freezing.own_head import GivenHead
from tlkit.learning_rate.rate import LearningRate
from tlkit.training._figures import KeepBest
from tlkit.training._losses_and_metrics import Loss, Metric
from tlkit.training.feeding.class_weights import ClassWeight
from tlkit.training.kept import Keep
from tlkit.training.stage import Stage


class UnaugmentedStageArguments(TypedDict, total=False):
    """What a recipe passes on that decides rate, batches and augmentation by the images."""

    views: int | None
    optimizer: str | Callable[[Any], Optimizer]
    l2_sp: float | None
    callbacks: Sequence[Callback]
    loss: Loss
    metrics: Sequence[Metric]
    keep_best: KeepBest
    class_weight: ClassWeight
    label_smoothing: float
    mix: Callable[[], Layer] | None
    ema: float | None


class OwnBackboneRateArguments(UnaugmentedStageArguments, total=False):
    """What all stages of a recipe may share that gives the backbone a rate of its own."""

    batch_size: int
    augmentation: AugmentationLike
    layer_decay: float | None


class _CommonArguments(UnaugmentedStageArguments, total=False):
    batch_size: int
    backbone_learning_rate: LearningRate | None


class UndecayedStageArguments(_CommonArguments, total=False):
    """What all stages of a recipe may share that names its ``layer_decay``."""

    augmentation: AugmentationLike


class AugmentedStageArguments(_CommonArguments, total=False):
    """What all stages of a recipe may share that names its ``augmentation``."""

    layer_decay: float | None


class StageArguments(UndecayedStageArguments, AugmentedStageArguments, total=False):
    """What all stages of a recipe may share; see `Stage`."""


class NetworkArguments(TypedDict, total=False):
    """What `tlkit.recipes.default` passes on; see `StagedTrainer`."""

    image_size: ImageSize | None
    weights: str | Path | None
    preprocessing: str
    start_from: str | Path | None
    engine: str
    cache: bool | str | Path
    feature_dtype: str
    trunk_precision: TrunkPrecision


class TrainerArguments(NetworkArguments, total=False):
    """What `fine_tune` passes on; see `StagedTrainer`."""

    head: GivenHead | None
    keep: Keep
    run_dir: str | Path | None
    distribution: Any


class ReplacedArguments(TrainerArguments, total=False):
    """What can be given anew to the trainer of a run: all arguments of `StagedTrainer`."""

    backbone: Backbone
    stages: Sequence[Stage]
    seed: int
