"""What the stages of one training share: the model, the images, the store of features."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tlkit._progress import Reporter
from tlkit.data.augmentation.transforms import Transform, transformed
from tlkit.data.images import Images
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.freezing.phase import Phase
from tlkit.freezing.whole_model import Parts
from tlkit.training.feeding.feed import Inputs
from tlkit.training.feeding.inputs import Stored, ViewPixels, Views
from tlkit.training.feeding.mixing import Mixing
from tlkit.training.run_dir.engines_used import EngineNotes

# Features of a trunk above this many bytes are computed anew in every epoch instead of stored.
STORE_LIMIT = 16 * 2**30


@dataclass
class Session:
    """What the stages of one training share.

    Args:
        parts: The whole model.
        train: Training images.
        validation: Validation images, or None.
        store: Where frozen work is kept.
        engine: Which engine runs the trunks.
        seed: Every random choice follows from it and the stage, epoch and sample.
        reporter: Shows progress.
        feature_dtype: As what features are stored, "float32" or "float16".
        executor: Whose workers compute features; None for this process alone.
        engines: What ``engine="auto"`` has given this training.
    """

    parts: Parts
    train: Images
    validation: Images | None
    store: FeatureStore
    engine: str
    seed: int
    reporter: Reporter
    feature_dtype: str = "float32"
    executor: Executor | None = None
    engines: EngineNotes = field(default_factory=EngineNotes)
    _trunks: dict[str, Trunk] = field(default_factory=dict)

    def trunk(self, phase: Phase, images_ahead: int) -> Trunk | None:
        """Return the trunk of a phase; one that was used before keeps its engine."""
        if phase.trunk is None:
            return None
        step, dtype = self.reporter.step, self.feature_dtype
        fresh = Trunk(phase.trunk, self.store, self.engine, step, images_ahead, dtype)
        known = self._trunks.setdefault(fresh.fingerprint, fresh)
        known.images_ahead, known.executor = images_ahead, self.executor
        known.notes.clear()
        return known

    def inputs(
        self,
        trunk: Trunk | None,
        images: Images,
        stage: str,
        augmentation: Transform | None,
        mixing: Mixing | None = None,
        views: int | None = None,
    ) -> Inputs:
        """Return what gives a tail its input: stored features where there can be any."""
        if trunk is None:
            return self._inputs(None, images, stage, augmentation, mixing, views)
        role = "train" if images is self.train else "validation"
        what = (stage, role, trunk.fingerprint[:32])
        trunk.before = self.engines.get(*what) if self.engine == "auto" else ""
        inputs = self._inputs(trunk, images, stage, augmentation, mixing, views)
        self.engines.note(*what, trunk.used)
        return inputs

    def _inputs(
        self,
        trunk: Trunk | None,
        images: Images,
        stage: str,
        augmentation: Transform | None,
        mixing: Mixing | None,
        views: int | None,
    ) -> Inputs:
        fresh = mixing is not None or (augmentation is not None and views is None)
        if trunk is not None and not fresh and self._fits(trunk, len(images) * (views or 1)):
            if augmentation is None or views is None:
                return Stored(trunk.features(images.pixels, images.dataset.image_digests))
            trunk.executor = None  # workers know images in files, not views of them
            seen: Any = ViewPixels(images, augmentation, views, self.seed, stage)
            return Views(trunk.features(seen, seen.digests), len(images), views)
        run: Any = trunk.ready(images.pixels).run if trunk else _as_they_are

        def augmented(
            indices: np.ndarray, epoch: int
        ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
            pixels: np.ndarray = images.pixels[indices]
            if augmentation is not None:
                drawn = epoch if views is None else epoch % views
                pixels = transformed(
                    augmentation, pixels, indices, seed=self.seed, stage=stage, epoch=drawn
                )
            if mixing is not None:
                pixels, labels = mixing(pixels, images.labels[indices], indices, epoch)
                return run(pixels), labels
            result: np.ndarray = run(pixels)
            return result

        return augmented

    def _fits(self, trunk: Trunk, rows: int) -> bool:
        """Return whether features may be stored, and note it if not."""
        needed, limit = trunk.bytes * rows, min(STORE_LIMIT, self.store.limit)
        if needed > limit:
            trunk.notes.append(
                f"features of {rows} images would take {needed / 2**30:.0f} GiB, more than "
                f"{limit / 2**30:.0f}: the trunk is run anew in every epoch"
            )
        return needed <= limit


def _as_they_are(images: np.ndarray) -> np.ndarray:
    # The model casts: a quarter of the bytes is copied on the way to it.
    return images
