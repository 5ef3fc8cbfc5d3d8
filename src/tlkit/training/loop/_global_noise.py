"""Noise of layers that were given no seed, where Keras draws it from a generator of the process."""

from __future__ import annotations

import keras

from tlkit._keras.random_states import global_generator, seed_global_generators
from tlkit._keras.types import Logs
from tlkit._seeds import stream_seed


class GlobalNoise(keras.callbacks.Callback):  # type: ignore[misc]
    """Let what is drawn in a step follow from (seed, stage, epoch, step) and nothing before it.

    At each step and not each epoch: the first epoch of a ``fit`` draws some numbers more.

    Args:
        seed: Of the training.
        stage: Its name.
    """

    def __init__(self, seed: int, stage: str) -> None:
        super().__init__()
        self._given = seed, f"noise in {stage}"
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Note the epoch."""
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Seed the generators."""
        seed_global_generators(stream_seed(*self._given, self._epoch, batch))


def global_noise(seed: int, stage: str) -> list[GlobalNoise]:
    """Return the callback where it is needed: on PyTorch.

    Args:
        seed: Of the training.
        stage: Its name.
    """
    return [] if global_generator() is None else [GlobalNoise(seed, stage)]
