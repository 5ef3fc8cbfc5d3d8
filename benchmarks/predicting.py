"""`tlkit.Predictor` against plain Keras's ``predict``, from the saved file to the last row.

Both read the same ``.keras`` file and label the same decoded pictures, in turn, in one process.
Keras: load_model, then model.predict in batches of 32. Predictor: with an empty cache, so that the
export of an engine is in its time, and with the cache that this left.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tlkit
from tlkit.freezing.head import Head
from tlkit.freezing.whole_model import assemble
from tlkit.inference import ModelContract, save_model

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402

COUNTS = (1555, 50)


def plainly(file: Path, images: np.ndarray) -> tuple[str, ...]:
    """Label pictures as one does by hand."""
    model = keras.saving.load_model(file, compile=False)
    best = model.predict(images, batch_size=32, verbose=0).argmax(axis=1)
    return tuple(str(column) for column in best)


def by_tlkit(file: Path, images: np.ndarray, cache: Path) -> tuple[str, ...]:
    """Label pictures by `tlkit.Predictor`."""
    rows = tlkit.Predictor(file, cache=cache).predict(images, top=1, verbose=0)
    return tuple(str(label) for label in rows.labels)


def seconds(
    work: Callable[[], tuple[str, ...]],
) -> tuple[tuple[float, float], tuple[str, ...]]:
    """Return how long some work took, on the clock and of processors, and what it gave."""
    start = time.perf_counter(), time.process_time()
    found = work()
    return (time.perf_counter() - start[0], time.process_time() - start[1]), found


def compare(file: Path, images: np.ndarray, rounds: int) -> None:
    """Print medians and ratios."""
    runs: dict[str, list[tuple[float, float]]] = {"keras": [], "empty cache": [], "warm cache": []}
    agreed = 1.0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            for name, work in (
                ("keras", lambda: plainly(file, images)),
                ("empty cache", lambda cache=cache: by_tlkit(file, images, cache)),
                ("warm cache", lambda cache=cache: by_tlkit(file, images, cache)),
            ):
                took, labels = seconds(work)
                runs[name].append(took)
                if name == "keras":
                    expected = labels
                agreed = min(
                    agreed, float(np.mean([a == b for a, b in zip(labels, expected, strict=True)]))
                )
    figures = {name: np.median(each, axis=0) for name, each in runs.items()}
    base = figures["keras"]
    told = ", ".join(
        f"{name} {wall:.2f} s ({wall / base[0]:.2f}), of processors {busy:.2f} s "
        f"({busy / base[1]:.2f})"
        for name, (wall, busy) in figures.items()
    )
    print(f"  {len(images)} pictures: {told}; labels agree on at least {agreed:.2%}")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=RAKUTEN / "sample")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    dataset = read_challenge(options.data)
    classes = len(dataset.class_names)
    parts = assemble(
        options.backbone,
        Head(),
        classes,
        image_size=options.size,
        weights="imagenet",
        preprocessing="auto",
        seed=0,
    )
    contract = ModelContract(tuple(map(str, range(classes))), (options.size, options.size))
    pictures = dataset.load(np.arange(min(max(COUNTS), len(dataset))), options.size)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        save_model(parts.model, file, contract)
        print(f"{options.backbone}, {options.size} px; seconds and the ratio to Keras")
        for count in COUNTS:
            compare(file, pictures[:count], options.rounds)


if __name__ == "__main__":
    main()
