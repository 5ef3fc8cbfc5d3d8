"""What trained models say of images left out, from features that are computed once for all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tlkit._progress import Reporter
from tlkit._task import two_columns
from tlkit.data.batches import PixelCache
from tlkit.data.labelled_images import LabelledImages
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


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predicts images, from stored features below the first layer that any stage trains.

    Where all stages are of a frozen backbone, these are the features that train too.

    Args:
        settings: Of frozen work.
        head: Of the models.
        stages: That trained them.
        data: All images.
        store: Where features are kept.
        reporter: Shows progress.
        executor: Whose workers compute features; None for this process alone.
    """

    settings: FrozenSettings
    head: AnyHead
    stages: Sequence[Stage]
    data: LabelledImages
    store: FeatureStore
    reporter: Reporter
    executor: Executor | None = None

    def compute(self) -> None:
        """Compute the features of all images, so that each training reads them."""
        trunk = self._trunk
        if trunk is not None:
            self._features(trunk, self.data)

    def probabilities(self, result: TrainingResult, images: LabelledImages) -> Any:
        """Return a model's probabilities for some of the images, ``(n, classes)``.

        Args:
            result: What training gave, of these stages.
            images: Some of the data.
        """
        self._parts.model.set_weights(result.model.get_weights())
        trunk = self._trunk  # with these weights, which random ones are by seed
        if trunk is None:
            return predicted_probabilities(result, images)
        rows = np.asarray(self._features(trunk, images))
        found = self._phase.tail.predict(rows, batch_size=256, verbose=0)
        return found if images.labels.ndim == 2 else two_columns(found, len(images.class_names))

    @cached_property
    def _parts(self) -> Parts:
        classes = len(self.data.class_names)
        task = self.head.task(self.data.labels, classes)
        return self.settings.assembled(self.head, classes, task)

    @cached_property
    def _phase(self) -> Phase:
        """The whole model, cut below the first layer that any stage trains."""
        phases = [x for s in self.stages for x in selections(s.policy, self._parts, s.epochs)]
        layers = {id(layer): layer for _, _, chosen in phases for layer in chosen}
        return prepare(self._parts, tuple(layers.values()), FreezeAll())

    @property
    def _trunk(self) -> Trunk | None:
        """What is frozen in all stages, where its output can be kept."""
        if self._phase.trunk is None:
            return None
        trunk = self.settings.trunk(self._phase.trunk, self.store)
        too_large = trunk.bytes * len(self.data) > min(STORE_LIMIT, self.store.limit)
        return None if too_large else trunk

    def _features(self, trunk: Trunk, images: LabelledImages) -> FeatureRows:
        ahead, show = len(self.data), self.reporter.step
        plan = self.settings.plan(show, images_ahead=ahead, executor=self.executor)
        pixels = PixelCache(images, trunk.size)
        return extracted(trunk, pixels, images.image_digests, plan).rows
