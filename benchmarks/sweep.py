"""The study's learning-rate sweep on a frozen backbone: plain Keras against tlkit.

EfficientNet-Lite0 at 128 pixels, the clip-art sample, the study's head, batches of 32, and the
study's 100 rates, an epoch each. Plain Keras pushes every image through the frozen backbone in
every epoch, with a ``LearningRateScheduler``; it runs a few epochs and its time is scaled to all of
them, as the table says. tlkit runs all of them, once from an empty store and once more with the
features stored; ``unit="batch"`` likewise, one step for each rate. The study also made a validation
pass after each epoch, which takes no part in the choice; nobody does here.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tlkit
from tlkit.errors import SelectorError

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402
from protocol import HEAD  # noqa: E402

SIZE, BATCH = 128, 32
OURS = (
    ('tlkit, unit="epoch", empty store', "epoch", True),
    ('tlkit, unit="epoch", features stored', "epoch", False),
    ('tlkit, unit="batch", empty store', "batch", True),
    ('tlkit, unit="batch", features stored', "batch", False),
)


def plain(train: Any, rates: list[float], run_epochs: int) -> float:
    """Return the seconds of an epoch at each rate, scaled from the first few."""
    start = time.perf_counter()
    base = tlkit.build_backbone("efficientnet_lite0", image_size=SIZE)
    base.trainable = False
    image = keras.Input((SIZE, SIZE, 3))
    x = base(image, training=False)
    model = keras.Model(image, HEAD.build(x, len(train.class_names), seed=0))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    pixels = train.load(np.arange(len(train)), SIZE)
    before = time.perf_counter() - start
    clock = _Clock()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, _: rates[epoch])
    model.fit(
        pixels,
        train.labels,
        epochs=run_epochs,
        batch_size=BATCH,
        verbose=0,
        callbacks=[schedule, clock],
    )
    first, later = clock.times[0], statistics.median(clock.times[1:])
    return before + first + (len(rates) - 1) * later


def ours(train: Any, steps: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return the seconds of tlkit's sweeps, and what they suggest."""
    seconds, found = {}, {}
    for title, unit, empty in OURS:
        if empty:
            cache = tempfile.TemporaryDirectory()
        stage = tlkit.Stage("head", epochs=1, learning_rate=0.001, batch_size=BATCH)
        start = time.perf_counter()
        trainer = tlkit.StagedTrainer(
            "efficientnet_lite0", stages=[stage], head=HEAD, image_size=SIZE, cache=cache.name
        )
        finder = tlkit.ExponentialLRFinder.study(steps, unit=unit)
        curve = trainer.find_learning_rate(train, finder, verbose=0)
        seconds[title] = time.perf_counter() - start
        found[title] = _suggestion(curve)
        if not empty:
            cache.cleanup()
    return seconds, found


def _suggestion(curve: tlkit.LRCurve) -> str:
    try:
        return f"rate {curve.suggestion:.2g}"
    except SelectorError as refusal:
        return f"no rate: {refusal}"


class _Clock(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.times.append(time.perf_counter() - self._started)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100, help="rates of the sweep")
    parser.add_argument("--plain-epochs", type=int, default=3, help="epochs that plain Keras runs")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.plain_epochs < 2:
        parser.error("--plain-epochs: 2 or more; the first epoch also compiles.")
    train, _ = read_challenge(RAKUTEN / "sample").split(0.2, seed=0)
    rates = tlkit.ExponentialLRFinder.study(options.steps).learning_rates.tolist()
    rows: list[dict[str, float]] = []
    for number in range(options.rounds):
        slow = plain(train, rates, options.plain_epochs)
        fast, found = ours(train, options.steps)
        rows.append({"plain Keras": slow, **fast})
        times = ", ".join(f"{seconds:.0f}" for seconds in rows[-1].values())
        print(f"round {number + 1}: {times} s", flush=True)
    print(f"\n{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    print(
        f"EfficientNet-Lite0, {SIZE} px, {len(train)} images, {options.steps} rates, "
        f"medians of {options.rounds}; plain Keras scaled from {options.plain_epochs} epochs"
    )
    for title in rows[0]:
        seconds = statistics.median(row[title] for row in rows)
        ratios = [row["plain Keras"] / row[title] for row in rows]
        print(
            f"{title:37}{seconds:8.1f} s{statistics.median(ratios):8.1f} times as fast "
            f"({min(ratios):.1f} to {max(ratios):.1f})  {found.get(title, '')}"
        )


if __name__ == "__main__":
    main()
