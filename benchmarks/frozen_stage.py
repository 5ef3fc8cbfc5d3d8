"""Training a head on a frozen backbone: plain Keras, as its guide does it, against tlkit.

Both train the study's head on EfficientNet-Lite0 at 128 pixels, on the clip-art sample, for the
same number of epochs, in turn, in one process. The plain side runs a few epochs and its time is
scaled to all of them; the table says so. tlkit's side starts with an empty store every time.
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

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402
from protocol import HEAD  # noqa: E402

SIZE = 128


def plain(train: Any, validation: Any, epochs: int, run_epochs: int) -> tuple[float, float]:
    """Return the seconds of all epochs (scaled) and the weighted F1 of those that were run."""
    base = tlkit.build_backbone("efficientnet_lite0", image_size=SIZE)
    base.trainable = False
    image = keras.Input((SIZE, SIZE, 3))
    x = base(image, training=False)
    model = keras.Model(image, HEAD.build(x, len(train.class_names), seed=0))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    pixels = [d.load(np.arange(len(d)), SIZE) for d in (train, validation)]
    times: list[float] = []
    model.fit(
        pixels[0],
        train.labels,
        validation_data=(pixels[1], validation.labels),
        epochs=run_epochs,
        batch_size=32,
        verbose=0,
        callbacks=[_Clock(times)],
    )
    first, later = times[0], statistics.median(times[1:])
    return first + (epochs - 1) * later, tlkit.evaluate(model, validation).weighted_f1


def ours(train: Any, validation: Any, epochs: int) -> tuple[float, float]:
    """Return the seconds of tlkit's training from an empty store, and its weighted F1."""
    stage = tlkit.Stage("frozen", epochs=epochs, learning_rate=0.001, keep_best=None)
    with tempfile.TemporaryDirectory() as cache:
        trainer = tlkit.StagedTrainer(
            "efficientnet_lite0", stages=[stage], head=HEAD, image_size=SIZE, cache=cache
        )
        start = time.perf_counter()
        result = trainer.fit(train, validation, verbose=0)
        seconds = time.perf_counter() - start
    return seconds, tlkit.evaluate(result, validation).weighted_f1


class _Clock(keras.callbacks.Callback):
    def __init__(self, times: list[float]) -> None:
        super().__init__()
        self._times = times

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._times.append(time.perf_counter() - self._started)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--plain-epochs", type=int, default=4, help="epochs that plain Keras runs")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    train, validation = read_challenge(RAKUTEN / "sample").split(0.2, seed=0)
    rows = []
    for number in range(options.rounds):
        slow, slow_f1 = plain(train, validation, options.epochs, options.plain_epochs)
        fast, fast_f1 = ours(train, validation, options.epochs)
        rows.append((slow, fast, slow_f1, fast_f1))
        print(f"round {number + 1}: plain {slow:.0f} s, tlkit {fast:.0f} s", flush=True)
    slow, fast, slow_f1, fast_f1 = (statistics.median(column) for column in zip(*rows, strict=True))
    ratios = [a / b for a, b, _, _ in rows]
    print(f"\n{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    print(
        f"EfficientNet-Lite0, {SIZE} px, {len(train)} images, {options.epochs} epochs, "
        f"medians of {options.rounds}"
    )
    print(
        f"plain Keras  {slow:7.1f} s (scaled from {options.plain_epochs} epochs, after which "
        f"weighted F1 was {slow_f1:.3f})"
    )
    print(f"tlkit        {fast:7.1f} s (all {options.epochs} epochs, weighted F1 {fast_f1:.3f})")
    print(f"ratio        {statistics.median(ratios):7.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
