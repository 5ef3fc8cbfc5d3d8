"""What ``ExponentialLRFinder.find(unit="batch")`` adds to a loop written by hand.

Both take the same steps on the same model: draw an order, set the rate, ``train_on_batch``, keep
the loss. The finder also puts everything back, keeps the accuracy and watches for divergence; the
loop does not. They take turns in one process, after a warm-up of both, and change who goes first;
each has its step traced anew, as on a model that was just compiled.
At most 5 % is promised.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tlkit

FEATURES, CLASSES, IMAGES, BATCH = 1280, 27, 1280, 32


def tail(units: tuple[int, ...]) -> Any:
    """Return a compiled head on features."""
    keras.utils.set_random_seed(0)
    features = keras.Input((FEATURES,))
    model = keras.Model(features, tlkit.Head(units=units).build(features, CLASSES, seed=0))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def by_hand(model: Any, x: Any, y: Any, rates: list[float]) -> list[float]:
    """Return the losses of a plain batch sweep."""
    losses: list[float] = []
    order = np.random.default_rng(0)
    starts = range(0, len(x), BATCH)
    while len(losses) < len(rates):
        rows = order.permutation(len(x))
        for start in starts[: len(rates) - len(losses)]:
            batch = rows[start : start + BATCH]
            model.optimizer.learning_rate = rates[len(losses)]
            logs = model.train_on_batch(x[batch], y[batch], return_dict=True)
            losses.append(float(logs["loss"]))
    return losses


def compare(units: tuple[int, ...], steps: int, rounds: int) -> list[tuple[float, float]]:
    """Return the seconds of the loop and of the finder, one pair a round."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(IMAGES, FEATURES)).astype("float32")
    y = draw.integers(CLASSES, size=IMAGES).astype("int32")
    model = tail(units)
    finder = tlkit.ExponentialLRFinder(1e-5, 1e-2, steps=steps, unit="batch")
    rates = finder.learning_rates.tolist()
    weights = model.get_weights()
    sides: list[Callable[[], Any]] = [
        lambda: by_hand(model, x, y, rates),
        lambda: finder.find(model, x, y, batch_size=BATCH).losses,
    ]
    pairs = []
    for number in range(rounds + 1):
        seconds = [0.0, 0.0]
        for side in (0, 1) if number % 2 else (1, 0):
            model.train_function = None  # both pay for tracing the step, as after compile()
            start = time.perf_counter()
            losses = sides[side]()
            seconds[side] = time.perf_counter() - start
            assert len(losses) == steps
            model.set_weights(weights)
        if number:
            pairs.append((seconds[0], seconds[1]))
    return pairs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100, help="rates of a sweep")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    print(f"{options.steps} steps of {BATCH}, medians of {options.rounds}; promised: at most 5 %")
    for title, units in (("the study's head", (1024, 512)), ("a softmax alone", ())):
        pairs = compare(units, options.steps, options.rounds)
        theirs, ours = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
        low, middle, high = np.percentile([100 * (b / a - 1) for a, b in pairs], [25, 50, 75])
        print(
            f"{title:17} by hand {theirs:6.0f} ms   finder {ours:6.0f} ms   overhead "
            f"{middle:+.1f} % (half of the rounds: {low:+.1f} to {high:+.1f} %)"
        )


if __name__ == "__main__":
    main()
