"""The backbone under test, built when a check first needs it and shared by the checks after."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from tlkit._keras.types import Model
from tlkit.backbones.build import ImageSize, build_backbone
from tlkit.backbones.spec import BackboneSpec
from tlkit.testing.failure import BackboneCheckError, in_short


class Subject:
    """A backbone with what the checks share, at its smallest size and with random weights.

    Args:
        spec: The backbone.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        self.spec = spec
        self._model: Any = None
        self._error: BackboneCheckError | None = None
        self._features: np.ndarray | None = None

    @property
    def model(self) -> Any:
        """The model of the smallest size, built once; a failure to build is kept too.

        Raises:
            BackboneCheckError: It cannot be built.
        """
        if self._error is not None:
            # Each raising would lengthen the traceback that the error carries.
            raise self._error.with_traceback(None)
        if self._model is None:
            try:
                self._model = self.build(self.spec.min_size)
            except BackboneCheckError as error:
                self._error = error
                raise
        return self._model

    @property
    def features(self) -> np.ndarray:
        """Features of `images`, computed once."""
        if self._features is None:
            self._features = self.run(self.images)
        return self._features

    @cached_property
    def images(self) -> np.ndarray:
        """A noisy, a black and a white image, uint8 ``(3, min_size, min_size, 3)``, 0..255."""
        shape = (self.spec.min_size, self.spec.min_size, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape)
        return np.stack([noise, np.zeros(shape), np.full(shape, 255)]).astype("uint8")

    def build(self, size: ImageSize) -> Any:
        """Return a new model with random weights that are the same each time.

        Args:
            size: Side in pixels, or (height, width).

        Raises:
            BackboneCheckError: The builder fails; its error is the cause.
        """
        try:
            with _seeded():
                return build_backbone(self.spec, image_size=size, weights=None)
        except Exception as error:
            raise BackboneCheckError(
                f"At image_size={size} and weights=None it cannot be built: "
                f"{in_short(error)}\nExpected a model at every size from "
                f"min_size={self.spec.min_size} upwards. Repair the builder, or raise min_size."
            ) from error

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images at inference, as they come out of the model."""
        return run(self.model, images)

    def reset(self) -> None:
        """Forget the model; the next check builds it anew."""
        self._model = self._error = self._features = None

    def release(self) -> None:
        """Forget the model and free its memory."""
        self.reset()
        free()


def run(model: Model, inputs: np.ndarray) -> np.ndarray:
    """Return a model's answer at inference, as an array.

    It is called, not compiled: for one small batch, compiling takes longer than running. It is
    not told ``training=False`` either, which would silence a layer that its builder called with
    ``training=True`` here, but not in an exported network.
    """
    import keras

    return np.asarray(keras.ops.convert_to_numpy(model(inputs)))


def free() -> None:
    """Free the memory of models that nothing holds any more.

    A Keras model is a ring of references, and a gigabyte of weights looks to Python like a few
    small objects, so it would wait long before it collects them by itself.
    """
    gc.collect()


@contextmanager
def _seeded() -> Iterator[None]:
    """Seed what Keras draws the seeds of unseeded initializers from, and put it back."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)
