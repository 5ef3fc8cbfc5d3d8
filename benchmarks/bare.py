"""The limit: a bare pass of the engine, and bare steps of the tail on arrays in memory."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from plain_keras import FINE_RATE, Clock
from protocol import HEAD
from setting import Setting

from tlkit.data.images import Images
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.freezing.phase import prepare, selections
from tlkit.freezing.policies import FreezeAll
from tlkit.freezing.whole_model import assemble


class Bare:
    """Times without any bookkeeping, each measured once and remembered.

    Args:
        setting: The backbone and the images.
        rounds: Passes of the engine over all images, of which the median counts.
    """

    def __init__(self, setting: Setting, rounds: int) -> None:
        self._setting, self._rounds = setting, rounds
        self._known: dict[tuple[Any, int], tuple[float, float, float]] = {}

    def seconds(
        self, policy: Any, *, inputs: int, epochs: int, batch: int = 32, validated: bool = True
    ) -> float:
        """Return the seconds of the engine over its inputs and of the tail's steps.

        Args:
            policy: What is trained beside the head; None for nothing.
            inputs: How many different inputs each training image makes.
            epochs: How often the tail goes through them.
            batch: Images of a step of the tail.
            validated: Whether each of these epochs is validated.
        """
        key = (policy, batch)
        if key not in self._known:
            self._known[key] = self._measured(policy or FreezeAll(), batch)
        engine_s, steps_s, validation_s = self._known[key]
        tail_s = steps_s + (validation_s if validated else 0)
        train, validation = len(self._setting.train), len(self._setting.validation)
        return engine_s * (validation + train * inputs) / (train + validation) + tail_s * epochs

    def _measured(self, policy: Any, batch: int) -> tuple[float, float, float]:
        keras.utils.clear_session()
        setting = self._setting
        parts = assemble(
            setting.build,
            HEAD,
            len(setting.train.class_names),
            image_size=None,
            weights=None,
            preprocessing="auto",
            seed=0,
        )
        phase = prepare(parts, selections(policy, parts, 1)[0][2], policy)
        engine_s, features = self._pass(phase, self._rounds if policy == FreezeAll() else 1)
        return engine_s, *self._epoch(phase, features, batch)

    def _pass(self, phase: Any, rounds: int) -> tuple[float, np.ndarray]:
        """Return the seconds of the fastest engine for all images, and what it gives."""
        setting = self._setting
        pixels = Images(setting.train, (setting.size, setting.size)).pixels
        with tempfile.TemporaryDirectory() as cache:
            choice = Trunk(phase.trunk, FeatureStore(Path(cache))).choice(pixels, "auto", 10**6)
            engine = choice.engine
            print(f"  engine: {choice.why}", flush=True)
            every = setting.everything
            batches = [every[i : i + 32] for i in range(0, len(every), 32)]
            engine.run(batches[0])
            passes = []
            for _ in range(rounds):
                start = time.perf_counter()
                features = [engine.run(x) for x in batches]
                passes.append(time.perf_counter() - start)
        return statistics.median(passes), np.concatenate(features)

    def _epoch(self, phase: Any, features: np.ndarray, batch: int) -> tuple[float, float]:
        """Return the seconds of an epoch of the tail, and of its validation."""
        train, validation = self._setting.train, self._setting.validation
        steps = -(-len(train) // batch)
        phase.tail.compile(
            keras.optimizers.Adam(FINE_RATE),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=steps if keras.backend.backend() == "tensorflow" else 1,
        )
        clock = Clock()
        phase.tail.fit(
            features[: len(train)],
            train.labels,
            validation_data=(features[len(train) :], validation.labels),
            epochs=4,
            batch_size=batch,
            verbose=0,
            callbacks=[clock],
        )
        validation_s = statistics.median(clock.validation[1:])
        return statistics.median(clock.times[1:]) - validation_s, validation_s
