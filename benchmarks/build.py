"""How long building each backbone takes, against calling keras.applications directly."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

import tlkit

RUNS = 3


def seconds(build: Callable[[], Any]) -> float:
    """Return how long a model takes to build, from a session that holds no other."""
    keras.utils.clear_session(free_memory=False)
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    model = build()
    took = time.perf_counter() - start
    gc.enable()
    del model
    return took


def compare(spec: tlkit.BackboneSpec) -> tuple[float, float, float]:
    """Return the median seconds of plain Keras, of tlkit, and of what tlkit adds, in turns.

    The third is measured inside tlkit's build: all that is not the call of keras.applications. It
    does not suffer from what differs from one call of that to the next.
    """
    size = spec.min_size
    application = getattr(keras.applications, spec.aliases[0])
    inside: list[float] = []

    def timed(image: Any, weights: Any) -> Any:
        start = time.perf_counter()
        model = spec.build(image, weights)
        inside.append(time.perf_counter() - start)
        return model

    def plain() -> Any:
        return application(include_top=False, weights=None, input_shape=(size, size, 3))

    def ours() -> Any:
        return tlkit.build_backbone(replace(spec, build=timed), image_size=size, weights=None)

    took: dict[Any, list[float]] = {plain: [], ours: []}
    for run in range(RUNS):
        for build in (plain, ours) if run % 2 else (ours, plain):
            took[build].append(seconds(build))
    added = [whole - part for whole, part in zip(took[ours], inside, strict=True)]
    return statistics.median(took[plain]), statistics.median(took[ours]), statistics.median(added)


def row(name: str, plain: float, ours: float, added: float) -> str:
    """Return a line of the table."""
    return (
        f"{name:22}{plain:10.3f} s{ours:8.3f} s{ours / plain:8.3f}"
        f"{1000 * added:9.1f} ms{added / plain:8.1%}"
    )


def main() -> None:
    """Print the table."""
    print(f"{platform.platform()}, Keras {keras.__version__}, at the smallest size, random weights")
    print(f"median of {RUNS}, in turns\n")
    print(f"{'':22}{'plain Keras':>12}{'tlkit':>10}{'ratio':>8}{'added by tlkit':>20}")
    specs = [spec for spec in tlkit.list_backbones() if spec.distribution == "tlkit"]
    seconds(lambda: keras.applications.VGG16(include_top=False, weights=None))
    found = []
    for spec in specs:
        found.append(compare(spec))
        print(row(spec.name, *found[-1]), flush=True)
    print(row("all", *map(sum, zip(*found, strict=True))))


if __name__ == "__main__":
    main()
