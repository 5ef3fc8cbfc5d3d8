"""Frozen work that is not the same twice is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tlkit.data.batches import PixelCache
from tlkit.errors import EngineError
from tlkit.features import passes
from tlkit.features.passes import Plan
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.testing import tiny_dataset


class Noise(keras.layers.Layer):  # type: ignore[misc]
    """Draws in training and at inference."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)


class Unseen(keras.layers.Layer):  # type: ignore[misc]
    """Draws from something that Keras does not know."""

    def call(self, x: Any) -> Any:
        return x + np.random.default_rng().normal()


def trunk(noise: Any) -> Any:
    """A trunk with a layer that may draw."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = keras.layers.Dropout(0.5, name="quiet")(x)
    return keras.Model(image, noise(x), name="noisy")


def extracted(model: Any, folder: Path) -> np.ndarray:
    data = tiny_dataset(12)
    trunk, pixels = Trunk(model, FeatureStore(folder)), PixelCache(data, 16)
    return np.asarray(passes.extracted(trunk, pixels, data.image_digests, Plan("keras")).rows)


@pytest.mark.parametrize("kind", [Noise, Unseen, "Lambda"])
def test_layer_that_draws_at_inference_is_named(kind: Any, tmp_path: Path) -> None:
    if kind == "Lambda":
        kind = partial(keras.layers.Lambda, lambda x: x + np.random.default_rng().normal())
    layer = kind(name="loud")
    told = rf"The layer 'loud' \({type(layer).__name__}\) of the frozen part 'noisy'"
    with pytest.raises(EngineError, match=told):
        extracted(trunk(layer), tmp_path)
    assert not list(tmp_path.rglob("*.shard"))


def test_dropout_that_is_quiet_at_inference_is_fine(tmp_path: Path) -> None:
    model = trunk(keras.layers.Dropout(0.5))
    assert np.array_equal(extracted(model, tmp_path / "a"), extracted(model, tmp_path / "b"))
