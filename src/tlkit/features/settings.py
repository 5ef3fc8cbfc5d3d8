"""The settings of frozen work: what decides which features images give, and where they go."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tlkit._keras.types import Model
from tlkit._seeds import whole_seed
from tlkit._task import Task
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.backbones.registry import get_backbone
from tlkit.errors import TrainingError
from tlkit.features.engines.precision import TrunkPrecision, check_precision
from tlkit.features.passes import Plan, Progress, no_progress
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.sample import TrainingSample
from tlkit.features.store.places import places_of
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.freezing.own_head import AnyHead
from tlkit.freezing.whole_model import Parts, assemble


class FrozenArguments(TypedDict, total=False):
    """What is passed on to `FrozenSettings`, besides what a function names itself."""

    weights: str | Path | None
    preprocessing: str
    engine: str
    cache: bool | str | Path
    feature_dtype: str
    trunk_precision: TrunkPrecision


@dataclass(frozen=True)
class FrozenSettings:
    """What `StagedTrainer` and `extract` have in common; they say what each setting means.

    A name of a backbone becomes its `BackboneSpec`.

    Args:
        backbone: A name, a `BackboneSpec`, or a function that returns a keras.Model.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights: Of the backbone.
        preprocessing: Of the images.
        engine: What runs the frozen part.
        cache: Where it is kept.
        feature_dtype: As what it is kept, ``"float32"`` or ``"float16"``.
        seed: Random weights follow from it.
        trunk_precision: At which the frozen part is run, as for `StagedTrainer`.

    Raises:
        TrainingError: An unknown ``feature_dtype``.
        TlkitError: A seed that is no whole number.
        CacheError: A ``cache`` that is no place.
        EngineError: No engine has that name; an unknown ``trunk_precision``, or one that no engine
            has on this processor.
        UnknownBackboneError: Nothing has that name.
    """

    backbone: Backbone
    image_size: ImageSize | None = None
    weights: str | Path | None = "imagenet"
    preprocessing: str = "auto"
    engine: str = "auto"
    cache: bool | str | Path = True
    feature_dtype: str = "float32"
    seed: int = 0
    trunk_precision: TrunkPrecision = "float32"

    def __post_init__(self) -> None:
        if isinstance(self.backbone, str):
            object.__setattr__(self, "backbone", get_backbone(self.backbone))
        whole_seed(self.seed)
        places_of(self.cache)
        if self.feature_dtype not in ("float32", "float16"):
            raise TrainingError(
                f"feature_dtype={self.feature_dtype!r}, expected 'float32' or 'float16'."
            )
        self.plan()
        check_precision(self.trunk_precision)

    def assembled(self, head: AnyHead, classes: int, task: Task = Task.MULTICLASS) -> Parts:
        """Return the backbone with a head for so many classes, and what is told of them."""
        return assemble(
            self.backbone,
            head,
            classes,
            image_size=self.image_size,
            weights=self.weights,
            preprocessing=self.preprocessing,
            seed=self.seed,
            task=task,
        )

    def trunk(
        self,
        model: Model,
        store: FeatureStore,
        sample: TrainingSample,
        show: Progress = no_progress,
    ) -> Trunk:
        """Return the trunk that a model is.

        Args:
            model: Of the frozen part.
            store: Where frozen work is kept.
            sample: The training pictures, on which a low precision is calibrated and compared.
            show: Called while it is.
        """
        asked = AskedPrecision(self.trunk_precision, sample, show)
        return Trunk(model, store, self.feature_dtype, asked=asked)

    def plan(
        self,
        progress: Progress | None = None,
        *,
        images_ahead: int = 0,
        executor: Executor | None = None,
        before: str = "",
    ) -> Plan:
        """Return how images are to go through a trunk; see `Plan`."""
        shown = {} if progress is None else {"progress": progress}
        return Plan(self.engine, before, images_ahead, executor, **shown)
