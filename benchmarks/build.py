"""How long building each backbone takes, against calling keras.applications directly."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

import tlkit

RUNS = 3


def seconds(build: Callable[[], Any]) -> tuple[float, float]:
    """Return how long a model takes to build, from a session that holds no other.

    Returns:
        Seconds by the clock on the wall and of the processor; the second do not depend on what
        else the machine does.
    """
    keras.utils.clear_session(free_memory=False)
    gc.collect()
    gc.disable()
    wall, processor = time.perf_counter(), time.process_time()
    model = build()
    took = time.perf_counter() - wall, time.process_time() - processor
    gc.enable()
    del model
    return took


def compare(spec: tlkit.BackboneSpec) -> tuple[list[float], list[float]]:
    """Return the median seconds, wall and processor, of plain Keras and of tlkit, in turns."""
    size = spec.min_size
    application = getattr(keras.applications, spec.aliases[0])

    def plain() -> Any:
        return application(include_top=False, weights=None, input_shape=(size, size, 3))

    def ours() -> Any:
        return tlkit.build_backbone(spec, image_size=size, weights=None)

    took: dict[Any, list[tuple[float, float]]] = {plain: [], ours: []}
    for run in range(RUNS):
        for build in (plain, ours) if run % 2 else (ours, plain):
            took[build].append(seconds(build))
    medians = [
        [statistics.median(each) for each in zip(*took[build], strict=True)]
        for build in (plain, ours)
    ]
    return medians[0], medians[1]


def row(name: str, plain: Sequence[float], ours: Sequence[float]) -> str:
    """Return a line of the table."""
    return (
        f"{name:22}{plain[0]:10.3f} s{ours[0]:8.3f} s{ours[0] / plain[0]:8.3f}"
        f"{ours[1] / plain[1]:12.3f}"
    )


def main() -> None:
    """Print the table."""
    print(f"{platform.platform()}, Keras {keras.__version__}, at the smallest size, random weights")
    print(f"median of {RUNS}, in turns\n")
    print(f"{'':22}{'plain Keras':>12}{'tlkit':>10}{'ratio':>8}{'of CPU time':>12}")
    specs = [spec for spec in tlkit.list_backbones() if spec.distribution == "tlkit"]
    seconds(lambda: keras.applications.VGG16(include_top=False, weights=None))
    totals = [[0.0, 0.0], [0.0, 0.0]]
    for spec in specs:
        found = compare(spec)
        totals = [
            [a + b for a, b in zip(total, each, strict=True)]
            for total, each in zip(totals, found, strict=True)
        ]
        print(row(spec.name, *found), flush=True)
    print(row("all", *totals))


if __name__ == "__main__":
    main()
