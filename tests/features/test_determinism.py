"""Frozen work that is not the same twice is refused."""

from __future__ import annotations

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


def test_layer_that_draws_at_inference_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"The layer 'loud' \(Noise\) of the frozen part 'noisy'"):
        extracted(trunk(Noise(name="loud")), tmp_path)
    assert not list(tmp_path.rglob("*.shard"))


def test_dropout_that_is_quiet_at_inference_is_fine(tmp_path: Path) -> None:
    model = trunk(keras.layers.Dropout(0.5))
    assert np.array_equal(extracted(model, tmp_path / "a"), extracted(model, tmp_path / "b"))
