"""`tlkit.Predictor` against plain Keras's ``predict``, from the saved file to the last row.

Both read the same ``.keras`` file and label the same decoded pictures, in turn, each in a process
of its own, as a program does that labels pictures and ends; one that has run other models is slower
for both. Clocks start when Keras, its backend and tlkit are imported. Keras: load_model, then
model.predict in batches of 32. Predictor: with an empty cache, so that the export of an engine is
in its time, with the cache that this left, and once more by the same Predictor.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
COUNTS = (1555, 50)
Run = tuple[float, float, list[str]]


def timed(work: Callable[[], list[str]]) -> Run:
    """Return how long some work took, on the clock and of processors, and what it gave."""
    wall, busy = time.perf_counter(), time.process_time()
    labels = work()
    return time.perf_counter() - wall, time.process_time() - busy, labels


def plainly(file: Path, images: np.ndarray) -> dict[str, Run]:
    """Label pictures as one does by hand."""
    import keras

    def work() -> list[str]:
        model = keras.saving.load_model(file, compile=False)
        best = model.predict(images, batch_size=32, verbose=0).argmax(axis=1)
        return [str(column) for column in best]

    return {"keras": timed(work)}


def by_tlkit(file: Path, images: np.ndarray, cache: Path) -> dict[str, Run]:
    """Label pictures by `tlkit.Predictor`, twice."""
    import keras  # noqa: F401 - not in the time

    import tlkit
    from tlkit import Predictor

    made = list[tlkit.Predictor]()
    name = "warm cache" if cache.exists() else "empty cache"

    def first() -> list[str]:
        made.append(Predictor(file, cache=cache))
        return again()

    def again() -> list[str]:
        rows = made[0].predict(images, top=1, verbose=0)
        return [str(label) for label in rows.labels]

    return {name: timed(first), "the same again": timed(again)}


def in_its_own_process(*arguments: object) -> dict[str, Run]:
    """Run one side, and return what it says."""
    command = [sys.executable, __file__, "--side", *map(str, arguments)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    runs: dict[str, Run] = json.loads(told.stdout.splitlines()[-1])
    return runs


def compare(file: Path, pictures: Path, count: int, rounds: int) -> None:
    """Print medians and ratios."""
    runs: dict[str, list[tuple[float, float]]] = {}
    agreed = 1.0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder) / "cache"
            found = in_its_own_process("keras", file, pictures, count, cache)
            expected = found["keras"][2]
            found |= in_its_own_process("tlkit", file, pictures, count, cache)
            found |= in_its_own_process("tlkit", file, pictures, count, cache)
            shutil.rmtree(cache)
        for name, (wall, busy, labels) in found.items():
            runs.setdefault(name, []).append((wall, busy))
            same = [a == b for a, b in zip(labels, expected, strict=True)]
            agreed = min(agreed, float(np.mean(same)))
    figures = {name: np.median(each, axis=0) for name, each in runs.items()}
    base = figures["keras"]
    told = ", ".join(
        f"{name} {wall:.2f} s ({wall / base[0]:.2f}), of processors {busy:.2f} s "
        f"({busy / base[1]:.2f})"
        for name, (wall, busy) in figures.items()
    )
    print(f"  {count} pictures: {told}; labels agree on at least {agreed:.2%}", flush=True)


def prepare(options: argparse.Namespace, folder: Path) -> tuple[Path, Path]:
    """Save a model and decoded pictures, and return their files."""
    sys.path.insert(0, str(RAKUTEN))
    from challenge import read_challenge

    from tlkit.freezing.head import Head
    from tlkit.freezing.whole_model import assemble
    from tlkit.inference import ModelContract, save_model

    dataset = read_challenge(options.data)
    size, classes = options.size, len(dataset.class_names)
    parts = assemble(
        options.backbone,
        Head(),
        classes,
        image_size=size,
        weights="imagenet",
        preprocessing="auto",
        seed=0,
    )
    contract = ModelContract(tuple(map(str, range(classes))), (size, size))
    file, pictures = folder / "model.keras", folder / "pictures.npy"
    save_model(parts.model, file, contract)
    np.save(pictures, dataset.load(np.arange(min(max(COUNTS), len(dataset))), size))
    return file, pictures


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=RAKUTEN / "sample")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--side", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side, file, pictures, count, cache = options.side
        images = np.load(pictures)[: int(count)]
        given = (Path(file), images)
        print(json.dumps(plainly(*given) if side == "keras" else by_tlkit(*given, Path(cache))))
        return
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{platform.processor() or platform.machine()}, {cores} cores, load {load:.1f} before")
    with tempfile.TemporaryDirectory() as folder:
        file, pictures = prepare(options, Path(folder))
        print(f"{options.backbone}, {options.size} px; seconds and the ratio to Keras")
        for count in COUNTS:
            compare(file, pictures, count, options.rounds)


if __name__ == "__main__":
    main()
