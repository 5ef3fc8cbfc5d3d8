"""Features of generated pictures, computed by this process, two Dask and two Ray workers.

    python benchmarks/workers.py [PICTURES]

Needs ``tlkit[dask,ray,openvino]``. Each way computes all pictures once before it is timed, with
another seed, so that workers are there and have the network. On two cores one process uses both.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

import tlkit

SIDE, NETWORK, SIZE = 500, "mobilenet_v2", 128


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{count} pictures of {SIDE} px, {NETWORK} at {SIZE}, {load}\n")
    print(f"{'':16}{'seconds':>9}{'pictures a second':>20}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        first, second = (_pictures(Path(folder) / str(seed), count, seed) for seed in (1, 2))
        alone = 0.0
        for name, executor in (
            ("one process", _none),
            ("two of Dask", _dask),
            ("two of Ray", _ray),
        ):
            cache = Path(folder) / name
            with executor() as workers:
                _extract(first, cache, workers)
                seconds = _extract(second, cache, workers)
            alone = alone or seconds
            print(f"{name:16}{seconds:9.1f}{count / seconds:20.0f}{alone / seconds:8.2f}")


def _extract(data: tlkit.ImageDataset, cache: Path, workers: Executor | None) -> float:
    begun = time.perf_counter()
    tlkit.extract(
        NETWORK,
        data,
        image_size=SIZE,
        weights=None,
        engine="openvino",
        cache=cache,
        executor=workers,
        verbose=0,
    )
    return time.perf_counter() - begun


def _pictures(folder: Path, count: int, seed: int) -> tlkit.ImageDataset:
    random = np.random.default_rng(seed)
    for number in range(count):
        place = folder / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8))
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(place / f"{number}.jpg")
    return tlkit.ImageDataset.from_directory(folder)


@contextmanager
def _none() -> Iterator[None]:
    yield None


@contextmanager
def _dask() -> Iterator[Executor]:
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor()


@contextmanager
def _ray() -> Iterator[Executor]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        with tlkit.RayExecutor() as executor:
            yield executor
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
