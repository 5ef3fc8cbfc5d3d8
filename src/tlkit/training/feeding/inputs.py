"""What gives a tail its input without running its trunk: features of images or of views."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlkit._keras.describe import described
from tlkit._keras.user_code import own_code
from tlkit.data.augmentation.transforms import Transform, transformed


@dataclass(frozen=True)
class Stored:
    """Gives a tail features that are stored, the same in every epoch.

    Args:
        features: One row for each image, float32 or float16.
    """

    features: Any

    def __call__(self, indices: np.ndarray, epoch: int) -> np.ndarray:  # noqa: ARG002
        """Return float32 features of some images."""
        rows: np.ndarray = self.features[indices]
        return rows.astype("float32", copy=False)


@dataclass(frozen=True)
class Views:
    """Gives a tail stored features of augmented views, which its epochs go through in turn.

    Args:
        features: One row for each view: those of all images in view 0, then in view 1, ...
        images: How many images there are.
        views: How many views of each.
    """

    features: Any
    images: int
    views: int

    def __call__(self, indices: np.ndarray, epoch: int) -> np.ndarray:
        """Return float32 features of some images in an epoch."""
        rows: np.ndarray = self.features[indices + epoch % self.views * self.images]
        return rows.astype("float32", copy=False)


@dataclass(frozen=True)
class ViewPixels:
    """Augmented views of images as a sequence of images of their own, in the order of `Views`.

    Args:
        images: Has ``pixels``, and a ``dataset`` with ``image_digests``.
        augmentation: How.
        views: How many views of each image.
        seed: Of the training.
        stage: Name of the stage; with the seed, the view and the image it decides what is drawn.
    """

    images: Any
    augmentation: Transform
    views: int
    seed: int
    stage: str

    def __len__(self) -> int:
        return len(self.images) * self.views

    def __getitem__(self, places: np.ndarray) -> np.ndarray:
        """Return float32 images ``(n, height, width, 3)``, 0..255."""
        views, indices = np.divmod(np.asarray(places), len(self.images))
        pixels: np.ndarray = np.asarray(self.images.pixels[indices], "float32")
        for view in np.unique(views):
            here = views == view
            pixels[here] = transformed(
                self.augmentation,
                pixels[here],
                indices[here],
                seed=self.seed,
                stage=self.stage,
                epoch=int(view),
            )
        return pixels

    @property
    def digests(self) -> np.ndarray:
        """SHA-256 of what makes each view, (n, 32)."""
        code = own_code(getattr(self.augmentation, "layers", (self.augmentation,)))
        how = "\n".join([described((self.augmentation, self.seed, self.stage)), *code]).encode()
        made = [
            hashlib.sha256(b"|".join((digest.tobytes(), how, b"%d %d" % (view, index)))).digest()
            for view in range(self.views)
            for index, digest in enumerate(self.images.dataset.image_digests)
        ]
        return np.frombuffer(b"".join(made), np.uint8).reshape(len(self), -1)
