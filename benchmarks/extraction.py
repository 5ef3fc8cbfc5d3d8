"""Extraction through the store, against a bare loop over the same engine.

The store hashes images, keeps their features with a checksum, flushes them to disk and reads them
again. Both sides run in turn, in one process, on the same engine: once on pixels that are decoded
beforehand, and once from files, where the bare loop decodes a batch, runs it, and so on.
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tlkit
from tlkit.data.batches import PixelCache, batch_slices
from tlkit.features.outputs import EXTRACT_BATCH
from tlkit.features.passes import Plan, extracted
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402

CASES = (("efficientnet_lite0", 128, "imagenet"), ("xception", 160, None))
LIMIT = 1.05


def pooled(name: str, size: int, weights: str | None) -> Any:
    """Return what a frozen stage runs: the backbone with the head's average."""
    base = tlkit.build_backbone(name, image_size=size, weights=weights)
    features = keras.layers.GlobalAveragePooling2D()(base.outputs[0])
    return keras.Model(base.inputs[0], features, name=name)


def bare(engine: Any, pixels: PixelCache) -> np.ndarray:
    """Run all batches of the store's size, the last one filled up, and keep what comes out."""
    outputs = []
    for part in batch_slices(len(pixels), EXTRACT_BATCH):
        batch = pixels[np.arange(part.start, part.stop)]
        full = np.pad(batch, [(0, EXTRACT_BATCH - len(batch)), (0, 0), (0, 0), (0, 0)])
        outputs.append(engine.run(full)[: len(batch)])
    return np.concatenate(outputs)


def stored(trunk: Trunk, engine: str, pixels: PixelCache, data: Any) -> np.ndarray:
    """Extract into an empty store on the same engine, and read everything."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Trunk(trunk.model, FeatureStore(Path(folder)))
        fresh._choices.update(trunk._choices)  # choosing the engine is no part of this
        return np.asarray(extracted(fresh, pixels, data.image_digests, Plan(engine)).rows)


def timed(work: Callable[[], np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Return the seconds of some work, those of all its threads, and what it gave."""
    start, used = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - start, time.process_time() - used, result


def compare(trunk: Trunk, asked: str, data: Any, rounds: int, *, decoded: bool) -> np.ndarray:
    """Return the seconds and processor seconds of the bare loop and the store, (rounds, 2, 2)."""
    limit = 2**40 if decoded else 0
    pixels = PixelCache(data, trunk.size, limit=limit)
    engine = Plan(asked).choice(trunk, pixels).engine
    if decoded:
        pixels[np.arange(len(data))]  # decode everything, once
    engine.run(pixels[np.arange(EXTRACT_BATCH)])
    times = []
    for number in range(rounds):
        # It hashes images once, and splits of it share that: here it shall be done every time.
        fresh = pickle.loads(pickle.dumps(data))  # noqa: S301 - it was written a moment ago
        sides = {
            "bare": lambda: bare(engine, pixels),
            "store": lambda fresh=fresh: stored(trunk, asked, pixels, fresh),
        }
        # In turn, so that what slows the machine down for a while meets both.
        order = ("bare", "store") if number % 2 else ("store", "bare")
        done = {side: timed(sides[side]) for side in order}
        assert np.array_equal(done["bare"][2], done["store"][2])
        times.append((done["bare"][:2], done["store"][:2]))
    return np.array(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--images", type=int, default=None, help="all 1,861 by default")
    options = parser.parse_args()
    data = read_challenge(RAKUTEN / "sample")
    if options.images:
        data = data.subset(np.arange(options.images))
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend, "
        f"{options.engine}, {len(data)} images, medians of {options.rounds}"
    )
    print("trunk                   pixels          bare s  store s  ratio    CPU  (each round)")
    for name, size, weights in CASES:
        with tempfile.TemporaryDirectory() as folder:
            model = pooled(name, size, weights)
            trunk = Trunk(model, FeatureStore(Path(folder)))
            for decoded in (True, False):
                times = compare(trunk, options.engine, data, options.rounds, decoded=decoded)
                ratios, of_processor = (times[:, 1] / times[:, 0]).T
                loop, store = np.median(times[:, :, 0], axis=0)
                told = f"  above {LIMIT}" if decoded and np.median(ratios) > LIMIT else ""
                print(
                    f"{name:18s} {size:4d}  {'decoded before' if decoded else 'from files':14s}"
                    f"{loop:8.2f}{store:9.2f}{np.median(ratios):7.3f}{np.median(of_processor):7.3f}"
                    f"  ({', '.join(f'{ratio:.3f}' for ratio in ratios)}){told}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
