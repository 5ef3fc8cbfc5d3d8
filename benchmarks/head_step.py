"""A training step of the study's head: tlkit beside plain Keras and PyTorch written by hand.

1,244 feature vectors of 1,280 numbers, dense layers of 1,024 and 512 units with dropout and 27
classes, batches of 32, Adam; the PyTorch loop keeps the features in memory and takes the fused
Adam. Each runs in a process of its own, in turns. Printed are milliseconds a step: the time that 20
epochs more take, so that nothing counts that is done once; and the seconds that the first epoch
takes, in which everything is.

Promised: no more than PyTorch's.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

IMAGES, FEATURES, UNITS, CLASSES, BATCH = 1244, 1280, (1024, 512), 27, 32
SHORT, LONG = 1, 21
STEPS = (LONG - SHORT) * -(-IMAGES // BATCH)


def arrays() -> tuple[np.ndarray, np.ndarray]:
    """Return features, and class numbers that follow from them."""
    random = np.random.default_rng(0)
    features = random.random((IMAGES, FEATURES), np.float32)
    return features, (features[:, :CLASSES]).argmax(1)


def tlkit_step() -> Callable[[int], None]:
    """Return what trains with tlkit: a backbone that gives an image's numbers as they are."""
    import keras

    import tlkit

    features, labels = arrays()
    side = (1, FEATURES // 4)
    pixels = (features * 255).astype("uint8").reshape(IMAGES, *side, 4)[..., :3]
    data = tlkit.ImageDataset.from_arrays(pixels, labels, [f"class {n}" for n in range(CLASSES)])

    def backbone() -> Any:
        image = keras.Input((*side, 3))
        wide = keras.layers.Conv2D(FEATURES, 1, name="wide")(image)
        return keras.Model(image, wide)

    def train(epochs: int) -> None:
        stage = tlkit.Stage("head", epochs=epochs, learning_rate=1e-3, keep_best=None)
        head = tlkit.Head(units=UNITS, dropout=0.3)
        trainer = tlkit.StagedTrainer(backbone, stages=[stage], head=head, engine="keras")
        trainer.fit(data, verbose=0)

    return train


def keras_step() -> Callable[[int], None]:
    """Return what trains with plain Keras."""
    import keras

    features, labels = arrays()

    def train(epochs: int) -> None:
        model = keras.Sequential([keras.Input((FEATURES,))])
        for units in UNITS:
            model.add(keras.layers.Dense(units, activation="relu"))
            model.add(keras.layers.Dropout(0.3))
        model.add(keras.layers.Dense(CLASSES, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(features, labels, batch_size=BATCH, epochs=epochs, verbose=0)

    return train


def torch_step() -> Callable[[int], None]:
    """Return what trains with PyTorch, written by hand."""
    import torch

    features, labels = map(torch.from_numpy, arrays())

    def train(epochs: int) -> None:
        layers: list[Any] = []
        for before, units in zip((FEATURES, *UNITS), UNITS, strict=False):
            layers += [torch.nn.Linear(before, units), torch.nn.ReLU(), torch.nn.Dropout(0.3)]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(UNITS[-1], CLASSES))
        adam = torch.optim.Adam(model.parameters(), fused=True)
        for _ in range(epochs):
            order = torch.randperm(IMAGES)
            for start in range(0, IMAGES, BATCH):
                rows = order[start : start + BATCH]
                loss = torch.nn.functional.cross_entropy(model(features[rows]), labels[rows])
                adam.zero_grad()
                loss.backward()
                adam.step()

    return train


WAYS = {"tlkit": tlkit_step, "keras": keras_step, "torch": torch_step}


def measure(way: str) -> tuple[float, float]:
    """Return milliseconds a step, and seconds of the first epoch."""
    train = WAYS[way]()
    begun = time.perf_counter()
    train(SHORT)
    first = time.perf_counter()
    train(SHORT)
    again = time.perf_counter()
    train(LONG)
    done = time.perf_counter()
    return 1000 * ((done - again) - (again - first)) / STEPS, first - begun


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help="one way, in this process")
    options = parser.parse_args()
    if options.way:
        print(*measure(options.way))
        return
    ways = [way for way in WAYS if way != "torch" or importlib.util.find_spec("torch")]
    print(f"{platform.platform()}, {os.cpu_count()} cores; ms a step, s of the first epoch")
    found: dict[str, list[list[float]]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way in ways:
            words = [sys.executable, __file__, "--way", way]
            told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[way].append([float(word) for word in told.splitlines()[-1].split()])
    step = {way: statistics.median(row[0] for row in rows) for way, rows in found.items()}
    for way, rows in found.items():
        each = " ".join(f"{row[0]:5.2f}" for row in rows)
        begin = statistics.median(row[1] for row in rows)
        ratio = step["tlkit"] / step[way]
        print(
            f"{way:6} {step[way]:5.2f} ms ({each})  first {begin:4.1f} s  tlkit / it {ratio:4.2f}"
        )


if __name__ == "__main__":
    main()
