"""Features of images as they are and of augmented views of them, from one trunk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit.data.augmentation.transforms import Transform
from tlkit.data.augmentation.views import ViewPixels
from tlkit.data.dataset import ImageDataset
from tlkit.data.images import Images
from tlkit.features.extraction import first_phase, take_digests
from tlkit.features.passes import Plan, Progress, extracted
from tlkit.features.precision.sample import sample_of
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import open_store
from tlkit.features.trunk import Trunk
from tlkit.freezing.policies import FreezeAll


@dataclass(frozen=True, eq=False)
class Seen:
    """Images that a frozen backbone looks at, as they are and as augmented views.

    Args:
        trunk: The backbone, averaged over the picture.
        images: The images.
        plan: How they go through it.
        seed: What is drawn for a view follows from it.
    """

    trunk: Trunk
    images: Images
    plan: Plan
    seed: int

    def plain(self) -> NDArray[np.float32]:
        """Return features of the images as they are, ``(n, d)``."""
        ids = self.images.dataset.image_digests
        return np.array(extracted(self.trunk, self.images.pixels, ids, self.plan).rows, np.float32)

    def views(self, transform: Transform, number: int) -> NDArray[np.float32]:
        """Return features of augmented views, ``(number * n, d)``: view 0 of all images first."""
        seen = ViewPixels(self.images, transform, number, self.seed, "views")
        return np.array(extracted(self.trunk, seen, seen.digests, self.plan).rows, np.float32)


@contextmanager
def seen_by(
    frozen: FrozenSettings, data: ImageDataset, *, views: int, progress: Progress
) -> Iterator[Seen]:
    """Give what a frozen backbone sees of images; what it has computed before is read.

    Args:
        frozen: The backbone, and where its features are kept.
        data: The images.
        views: How many views of each there will be, about.
        progress: Called while images go through.

    Raises:
        CutError: The backbone cannot be cut from its head.
        DamagedImageError: An image cannot be read.
        CacheError: The cache folder cannot be written.
    """
    phase = first_phase(frozen, FreezeAll())
    assert phase.trunk is not None
    with open_store(frozen.cache) as store:
        take_digests(data, store)
        height, width = phase.trunk.input_shape[1:3]
        images = Images(data, (height, width))
        trunk = frozen.trunk(phase.trunk, store, sample_of(images.pixels, data), progress)
        plan = frozen.plan(progress, images_ahead=len(data) * (1 + views))
        yield Seen(trunk, images, plan, frozen.seed)
