"""Plain Keras, as its transfer-learning guide writes it, and a clock for its epochs."""

from __future__ import annotations

import statistics
import time
from typing import Any

import keras
from augmentation import stacked
from protocol import FINE_TUNED_LAYERS, HEAD
from setting import Setting

import tlkit

FINE_RATE = 1e-5


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds of each epoch, validation included, and of its validation."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self.validation: list[float] = []

    def __deepcopy__(self, memo: Any) -> Clock:
        return self  # stages work on copies of callbacks; this one is looked at afterwards

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Start."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop."""
        self.times.append(time.perf_counter() - self._started)

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Start validating."""
        self._validating = time.perf_counter()

    def on_test_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Stop validating."""
        self.validation.append(time.perf_counter() - self._validating)

    def seconds(self, epochs: int) -> float:
        """Return the time of so many epochs, scaled from those that were run."""
        return self.times[0] + (epochs - 1) * statistics.median(self.times[1:])


class PlainKeras:
    """Trainings by plain Keras, each kind run once and remembered.

    Args:
        setting: The backbone and the images.
        epochs: How many are run.
    """

    def __init__(self, setting: Setting, epochs: int) -> None:
        self._setting, self._epochs = setting, epochs
        self._ran: dict[tuple[bool, bool, int], tuple[Clock, float]] = {}

    def train(self, *, top: bool, fresh: bool, batch: int = 32) -> tuple[Clock, float]:
        """Return the clock of a training and the weighted F1 after it.

        Args:
            top: Whether the backbone's last layers are trained, and not the head alone.
            fresh: Whether images are augmented anew in each epoch.
            batch: Images of a step.
        """
        key = (top, fresh, batch)
        if key not in self._ran:
            self._ran[key] = self._trained(top, fresh, batch)
        return self._ran[key]

    def _trained(self, top: bool, fresh: bool, batch: int) -> tuple[Clock, float]:
        keras.utils.clear_session()
        setting = self._setting
        base = setting.build()
        base.trainable = top
        if top:
            self._freeze(base)
        image = keras.Input((setting.size, setting.size, 3))
        x = base(stacked()(image) if fresh else image, training=False)
        model = keras.Model(image, HEAD.build(x, len(setting.train.class_names), seed=0))
        adam = keras.optimizers.Adam(FINE_RATE if top else 0.001)
        model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
        clock = Clock()
        model.fit(
            setting.pixels[0],
            setting.train.labels,
            validation_data=(setting.pixels[1], setting.validation.labels),
            epochs=self._epochs,
            batch_size=batch,
            verbose=0,
            callbacks=[clock],
        )
        return clock, tlkit.evaluate(model, setting.validation).weighted_f1

    @staticmethod
    def _freeze(base: Any) -> None:
        for number, layer in enumerate(base.layers, start=-len(base.layers)):
            # The guide's training=False is meant to keep BatchNormalization still, but under fit
            # Keras 3 passes training=True on to layers that are unfrozen.
            batch_norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = number >= -FINE_TUNED_LAYERS and not batch_norm
