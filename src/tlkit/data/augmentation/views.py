"""Augmented views of images, each of which is an image of its own: its features can be kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from tlkit._keras.describe import described
from tlkit._keras.user_code import own_code
from tlkit.data.augmentation.transforms import Transform, steps_of, transformed
from tlkit.data.images import Images


@dataclass(frozen=True)
class ViewPixels:
    """Augmented views of images as a sequence of images of their own, those of view 0 first.

    Args:
        images: The images.
        augmentation: How.
        views: How many views of each image.
        seed: Of the training.
        stage: Name of the stage; with the seed, the view and the image it decides what is drawn.
    """

    images: Images
    augmentation: Transform
    views: int
    seed: int
    stage: str

    def __len__(self) -> int:
        return len(self.images) * self.views

    def name_of(self, place: int) -> str:
        """Return what to call a view."""
        view, image = divmod(place, len(self.images))
        return f"view {view + 1} of {self.images.pixels.name_of(image)}"

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
        steps = steps_of(self.augmentation)
        code = own_code(part for step in steps for part in getattr(step, "layers", (step,)))
        how = "\n".join([described((self.augmentation, self.seed, self.stage)), *code]).encode()
        made = [
            hashlib.sha256(b"|".join((digest.tobytes(), how, b"%d %d" % (view, index)))).digest()
            for view in range(self.views)
            for index, digest in enumerate(self.images.dataset.image_digests)
        ]
        return np.frombuffer(b"".join(made), np.uint8).reshape(len(self), -1)
