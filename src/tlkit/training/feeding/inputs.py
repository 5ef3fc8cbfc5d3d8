"""What gives a tail its input: stored features of images or of views, or the trunk run anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.data.augmentation.transforms import Transform, transformed
from tlkit.data.images import Images
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.store.rows import FeatureRows
from tlkit.training.feeding.feed import Inputs
from tlkit.training.feeding.mixing import Mixing


@dataclass(frozen=True)
class Change:
    """How the images of a stage change from epoch to epoch; not at all by default.

    Args:
        augmentation: Of each image, or None.
        mixing: Of the images of a batch, or None.
        views: How many augmented views of each image there are; as many as epochs where None.
    """

    augmentation: Transform | None = None
    mixing: Mixing | None = None
    views: int | None = None

    @property
    def inputs(self) -> int | None:
        """How many inputs each image makes in any number of epochs; None for one in each epoch."""
        if self.mixing is not None:
            return None
        return 1 if self.augmentation is None else self.views


@dataclass(frozen=True)
class Prepared:
    """What gives a tail its input, and what of the trunk that takes.

    Args:
        inputs: Gives it.
        engine: Name of the engine whose features it gives; empty where there is no trunk.
        once: How many images went through the trunk to prepare it.
        each: How many go through in every epoch.
        ms: Milliseconds for an image by the engine's name; empty where none were measured.
        notes: What there is to say, for people.
        check: What the precision of the engine does, where it is below float32 and known.
    """

    inputs: Inputs
    engine: str = ""
    once: int = 0
    each: int = 0
    ms: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    check: PrecisionCheck | None = None


@dataclass(frozen=True)
class Stored:
    """Give a tail features that are stored, the same in every epoch.

    Args:
        features: One row for each image, float32 or float16.
    """

    features: FeatureRows

    def __call__(self, indices: np.ndarray, epoch: int) -> np.ndarray:  # noqa: ARG002
        """Return float32 features of some images."""
        return self.features[indices].astype("float32", copy=False)


@dataclass(frozen=True)
class Views:
    """Give a tail stored features of augmented views, which its epochs go through in turn.

    Args:
        features: One row for each view: those of all images in view 0, then in view 1, ...; see
            `ViewPixels`.
        images: How many images there are.
        views: How many views of each.
    """

    features: FeatureRows
    images: int
    views: int

    def __call__(self, indices: np.ndarray, epoch: int) -> np.ndarray:
        """Return float32 features of some images in an epoch."""
        rows = self.features[indices + epoch % self.views * self.images]
        return rows.astype("float32", copy=False)


@dataclass(frozen=True)
class Fresh:
    """Give a tail images, changed in each epoch anew.

    Args:
        images: The images.
        change: How they change.
        seed: Of the training.
        stage: Name of the stage; with the seed, the epoch and the image it decides what is drawn.
    """

    images: Images
    change: Change
    seed: int
    stage: str

    def __call__(
        self, indices: np.ndarray, epoch: int
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return some images in an epoch, and mixed labels if there are any.

        Images are given as they are, uint8: a quarter of the bytes is copied on the way to a model,
        which casts them.
        """
        pixels: np.ndarray = self.images.pixels[indices]
        if self.change.augmentation is not None:
            pixels = self._augmented(self.change.augmentation, pixels, indices, epoch)
        if self.change.mixing is None:
            return pixels
        return self.change.mixing(pixels, self.images.labels[indices], indices, epoch)

    def _augmented(
        self, augmentation: Transform, pixels: np.ndarray, indices: np.ndarray, epoch: int
    ) -> np.ndarray:
        drawn = epoch if self.change.views is None else epoch % self.change.views
        return transformed(
            augmentation, pixels, indices, seed=self.seed, stage=self.stage, epoch=drawn
        )


@dataclass(frozen=True)
class FreshFeatures(Fresh):
    """Give a tail what its trunk makes of images that change in each epoch.

    Args:
        images: The images.
        change: How they change.
        seed: Of the training.
        stage: Name of the stage.
        run: The trunk.
    """

    run: Callable[[NDArray[Any]], NDArray[Any]]

    def __call__(
        self, indices: np.ndarray, epoch: int
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return features of some images in an epoch, and mixed labels if there are any."""
        return self.make(self.draw(indices, epoch))

    def draw(self, indices: np.ndarray, epoch: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the images, and mixed labels if there are any."""
        return super().__call__(indices, epoch)

    def make(
        self, drawn: np.ndarray | tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return features of images, and the mixed labels that came with them."""
        if isinstance(drawn, tuple):
            return self.run(drawn[0]), drawn[1]
        return self.run(drawn)
