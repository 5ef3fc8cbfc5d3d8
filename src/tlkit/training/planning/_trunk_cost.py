"""What it takes to put an image through a trunk, measured on a few."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tlkit.data.augmentation.views import ViewPixels
from tlkit.data.images import Images
from tlkit.features.engines.checked import CheckedEngine
from tlkit.features.outputs import EXTRACT_BATCH, Pixels
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.training.planning.duration import Duration

# Some batches, so that decoding ahead of the engine is seen; fewer where they take long.
_BATCHES, _ENOUGH_S = 3, 1.5


@dataclass(frozen=True)
class ImageCost:
    """Seconds for an image.

    Args:
        trunk: By the engine, written to the store; its augmentation included.
        decoding: More for one that is not decoded yet.
        once: To compare with Keras at the end.
    """

    trunk: Duration
    decoding: Duration
    once: float = 0.0


def spread(images: Images, count: int) -> Images:
    """Return some of the images, from all parts of the data set, none of them decoded yet."""
    size = images.pixels.size
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(np.int64)
    return Images(images.dataset.subset(chosen), size)


def decoding_cost(images: Images) -> Duration:
    """Return the seconds that it takes to decode an image, read ahead of nothing."""
    few = spread(images, _BATCHES * EXTRACT_BATCH)
    parts = np.array_split(np.arange(len(few)), _BATCHES)
    return Duration.of([_timed(few.pixels, part) / len(part) for part in parts if len(part)])


def _timed(pixels: Pixels, part: np.ndarray) -> float:
    start = time.perf_counter()
    pixels[part]
    return time.perf_counter() - start


def image_cost(trunk: Trunk, asked: str, images: Images, seen: Pixels) -> ImageCost:
    """Return what an image takes, measured by the code that extracts.

    Args:
        trunk: Whose engine was chosen already.
        asked: The engine that was asked for.
        images: The images.
        seen: They, or views of them.
    """
    engine = trunk.choice(seen, asked).engine
    with TemporaryDirectory(prefix="tlkit-plan-", ignore_cleanup_errors=True) as folder:
        # A trunk of its own, as features go to another store.
        given = (trunk.dtype, trunk.compared_every, trunk.asked)
        timed = Trunk(trunk.model, FeatureStore(Path(folder)), *given)
        cold: list[float] = []
        warm: list[float] = []
        for number in range(_BATCHES):
            few = spread(images, (1 if number == 0 else _BATCHES) * trunk.batch(engine.name))
            pixels = replace(seen, images=few, views=1) if isinstance(seen, ViewPixels) else None
            for times in (cold, warm):
                ids = np.random.default_rng(len(cold) + len(warm)).bytes(32 * len(few))
                rows = np.frombuffer(ids, np.uint8).reshape(len(few), 32)
                start = time.perf_counter()
                timed.add(engine, pixels or few.pixels, np.arange(len(few)), rows)
                times.append((time.perf_counter() - start) / len(few))
            if (cold[-1] + warm[-1]) * len(few) > _ENOUGH_S:
                break
        start = time.perf_counter()
        if isinstance(engine, CheckedEngine):
            engine.compare_last()
    # The first batch of all warms up whatever there is.
    cold, warm = cold[-2:], warm[-2:]
    more = [max(0.0, a - b) for a, b in zip(cold, warm, strict=True)]
    return ImageCost(Duration.of(warm), Duration.of(more), time.perf_counter() - start)
