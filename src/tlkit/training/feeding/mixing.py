"""Images and labels of a batch mixed with each other, by layers of Keras."""

from __future__ import annotations

import keras
import numpy as np

from tlkit._keras.random_states import random_states
from tlkit._keras.types import Layer
from tlkit._seeds import stream_seed
from tlkit.errors import TrainingError
from tlkit.training.stage import Stage


class Mixing:
    """Mix the pixels and labels of a batch as a function of (seed, stage, epoch, batch).

    Args:
        layer: ``keras.layers.MixUp``, ``keras.layers.CutMix`` or another layer that takes and
            returns ``{"images": ..., "labels": ...}`` and has its random numbers from Keras.
        classes: Number of classes.
        seed: The run's seed.
        stage: The stage's name.
    """

    def __init__(self, layer: Layer, *, classes: int, seed: int, stage: str) -> None:
        self._layer, self._classes = layer, classes
        self._seed, self._stage = seed, stage

    @classmethod
    def of(cls, stage: Stage, classes: int, seed: int) -> Mixing | None:
        """Return what a stage asks for, or None where it mixes nothing.

        Raises:
            TrainingError: ``mix`` made something that is not a Keras layer.
        """
        if stage.mix is None:
            return None
        layer = stage.mix()
        if not isinstance(layer, keras.layers.Layer):
            raise TrainingError(
                f"Stage {stage.name!r}: its mix function returned {layer!r}, expected a layer such "
                "as keras.layers.MixUp(alpha=0.2)."
            )
        return cls(layer, classes=classes, seed=seed, stage=stage.name)

    def __call__(
        self, pixels: np.ndarray, labels: np.ndarray, indices: np.ndarray, epoch: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mix a batch.

        Args:
            pixels: ``(n, height, width, 3)``, 0..255.
            labels: Class indices ``(n,)``, or labels ``(n, classes)``, 0 or 1.
            indices: Which images these are; the first tells this batch from others of its epoch.
            epoch: Within the stage, from 0.

        Returns:
            float32 images and shares of the classes ``(n, classes)``.
        """
        start = stream_seed(self._seed, f"mix in {self._stage}", epoch, int(indices[0]))
        for number, variable in enumerate(random_states(self._layer)):
            variable.assign([(start + number) % 2**31, 0])
        batch = {
            "images": pixels.astype("float32"),
            "labels": self._shares(labels),
        }
        mixed = self._layer(batch, training=True)
        images, shares = (keras.ops.convert_to_numpy(mixed[key]) for key in ("images", "labels"))
        return images.astype("float32", copy=False), shares.astype("float32", copy=False)

    def _shares(self, labels: np.ndarray) -> np.ndarray:
        if labels.ndim == 2:
            return labels.astype("float32")
        shares: np.ndarray = np.eye(self._classes, dtype="float32")[labels]
        return shares
