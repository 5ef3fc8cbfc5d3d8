"""What trained models say of images left out, from features that are computed once for all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.traces import many_models
from tlkit._progress import Reporter
from tlkit._task import Task, two_columns
from tlkit.data.batches import PixelCache
from tlkit.data.labelled_images import LabelledImages
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.multi_label import MultiLabelEvaluation
from tlkit.evaluation.predict import predicted_probabilities
from tlkit.features.passes import extracted
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.rows import FeatureRows
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.freezing.own_head import AnyHead
from tlkit.freezing.phase import Phase, prepare, selections
from tlkit.freezing.policies import FreezeAll
from tlkit.freezing.whole_model import Parts
from tlkit.training.loop.session import STORE_LIMIT
from tlkit.training.result import TrainingResult
from tlkit.training.stage import Stage


class Models:
    """Whole models that were built, so that recipes of one backbone and head share them."""

    def __init__(self) -> None:
        self._built: list[tuple[Any, Parts]] = []

    def get(self, settings: FrozenSettings, head: AnyHead, classes: int, task: Task) -> Parts:
        """Return a model; it is built where no other recipe has it."""
        asked = (settings, head, classes, task)
        for known, parts in self._built:
            if known == asked:
                return parts
        self._built.append((asked, settings.assembled(head, classes, task)))
        return self._built[-1][1]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predicts images, from stored features below the first layer that any stage trains.

    Where all stages are of a frozen backbone, these are the features that train too; but not where
    that runs below float32, since models are judged as they are saved.

    Args:
        settings: Of frozen work.
        head: Of the models.
        stages: That trained them.
        data: All images.
        store: Where features are kept.
        reporter: Shows progress.
        executor: Whose workers compute features; None for this process alone.
        models: Those of other recipes.
    """

    settings: FrozenSettings
    head: AnyHead
    stages: Sequence[Stage]
    data: LabelledImages
    store: FeatureStore
    reporter: Reporter
    executor: Executor | None = None
    models: Models = field(default_factory=Models)

    def compute(self) -> None:
        """Compute the features of all images, so that each training reads them."""
        trunk = self.trunk
        if trunk is not None:
            self._features(trunk, self.data)

    def probabilities(self, result: TrainingResult, images: LabelledImages) -> Any:
        """Return a model's probabilities for some of the images, ``(n, classes)``.

        Args:
            result: What training gave, of these stages.
            images: Some of the data.
        """
        self.parts.model.set_weights(result.model.get_weights())
        trunk = self.trunk  # with these weights, which random ones are by seed
        if trunk is None:
            return predicted_probabilities(result, images)
        rows = np.asarray(self._features(trunk, images))
        with many_models():
            outputs = self.phase.tail.predict(rows, batch_size=256, verbose=0)
        return self.told(outputs)

    def told(self, outputs: NDArray[Any]) -> Any:
        """Return the probabilities ``(n, classes)`` that outputs of the model mean."""
        several = self.data.labels.ndim == 2
        return outputs if several else two_columns(outputs, len(self.data.class_names))

    def rows(self, trunk: Trunk) -> NDArray[np.float32]:
        """Return the features of all images, in memory."""
        return np.asarray(self._features(trunk, self.data)).astype("float32", copy=False)

    @property
    def task(self) -> Task:
        """What the model tells of an image."""
        return self.head.task(self.data.labels, len(self.data.class_names))

    @cached_property
    def parts(self) -> Parts:
        """The whole model."""
        return self.models.get(self.settings, self.head, len(self.data.class_names), self.task)

    @cached_property
    def phase(self) -> Phase:
        """The whole model, cut below the first layer that any stage trains."""
        phases = [x for s in self.stages for x in selections(s.policy, self.parts, s.epochs)]
        layers = {id(layer): layer for _, _, chosen in phases for layer in chosen}
        return prepare(self.parts, tuple(layers.values()), FreezeAll())

    @property
    def trunk(self) -> Trunk | None:
        """What is frozen in all stages, where its output can be kept."""
        if self.phase.trunk is None:
            return None
        trunk = Trunk(self.phase.trunk, self.store, self.settings.feature_dtype)
        too_large = trunk.bytes * len(self.data) > min(STORE_LIMIT, self.store.limit)
        return None if too_large else trunk

    def _features(self, trunk: Trunk, images: LabelledImages) -> FeatureRows:
        ahead, show = len(self.data), self.reporter.step
        plan = self.settings.plan(show, images_ahead=ahead, executor=self.executor)
        pixels = PixelCache(images, trunk.size)
        return extracted(trunk, pixels, images.image_digests, plan).rows


def evaluation_of(data: LabelledImages, probabilities: Any) -> AnyEvaluation:
    """Return the scores of images.

    Args:
        data: The images.
        probabilities: ``(n, classes)``, in the order of their classes.
    """
    kind = MultiLabelEvaluation if data.labels.ndim == 2 else Evaluation
    return kind.from_predictions(
        data.labels,
        probabilities,
        data.class_names,
        image_names=data.names,
        image_digests=data.content_digests,
    )
