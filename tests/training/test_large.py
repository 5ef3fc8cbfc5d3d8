"""Features that are larger than memory would like: a million images, 2,048 floats each."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit

IMAGES = int(os.environ.get("TLKIT_TEST_LARGE", "1000000"))
SIZE = 8
FLOATS = 2048


class Resident(threading.Thread):
    """Watches the resident set of this process, mapped files included."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.start_bytes = self.peak = self._now()
        self._done = threading.Event()

    def run(self) -> None:
        """Look twenty times a second."""
        while not self._done.wait(0.05):
            self.peak = max(self.peak, self._now())

    def growth(self) -> int:
        """Bytes by which the largest resident set was above the first."""
        self._done.set()
        return self.peak - self.start_bytes

    @staticmethod
    def _now() -> int:
        status = Path("/proc/self/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return 1024 * int(found[1])


def projection() -> Any:
    """A stand-in for a backbone: it costs little, and gives as much as a large one."""
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    kernel = keras.initializers.RandomNormal(seed=1)
    x = keras.layers.Conv2D(FLOATS, SIZE, kernel_initializer=kernel, activation="relu")(x)
    return keras.Model(image, x, name="projection")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_a_million_features_are_stored_and_trained_on_within_a_gibibyte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    labels = (images[:, : SIZE // 2].mean(axis=(1, 2, 3)) > images.mean(axis=(1, 2, 3))).astype(int)
    data = tlkit.ImageDataset.from_arrays(images, labels, ["below", "above"])
    stage = tlkit.Stage("head", epochs=1, learning_rate=1e-3, batch_size=256)
    settings: dict[str, Any] = {"weights": None, "engine": "keras", "cache": tmp_path}
    trainer = tlkit.StagedTrainer(projection, stages=[stage], head=tlkit.Head(), **settings)
    warm_up = tlkit.StagedTrainer(projection, stages=[stage], weights=None, cache=False)
    warm_up.fit(data.subset(np.arange(4096)), verbose=0)  # what TensorFlow takes for itself
    resident = Resident()
    resident.start()
    start = time.perf_counter()
    result = trainer.fit(data, verbose=0)
    seconds, growth = time.perf_counter() - start, resident.growth()
    stored = sum(file.stat().st_size for file in tmp_path.rglob("*.shard"))
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{IMAGES:,} images, {stored / 1e9:.2f} GB of features: resident set grew by "
            f"{growth / 2**20:.0f} MiB; {result.stages[0].timings}, {seconds:.0f} s in all"
        )
    assert stored > 4 * IMAGES * FLOATS
    assert growth < 2**30
    assert result.stages[0].history["accuracy"][-1] > 0.6
