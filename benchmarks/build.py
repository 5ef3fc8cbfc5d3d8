"""How long building each backbone takes, against calling keras.applications directly."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

import tlkit

RUNS = 5


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


def compare(spec: tlkit.BackboneSpec) -> tuple[float, float]:
    """Return the median seconds of plain Keras and of tlkit, taken in turns."""
    size = spec.min_size
    application = getattr(keras.applications, spec.aliases[0])

    def plain() -> Any:
        return application(include_top=False, weights=None, input_shape=(size, size, 3))

    def ours() -> Any:
        return tlkit.build_backbone(spec, image_size=size, weights=None)

    pairs = []
    for run in range(RUNS):
        first, second = (plain, ours) if run % 2 else (ours, plain)
        took = {first: seconds(first), second: seconds(second)}
        pairs.append((took[plain], took[ours]))
    return (
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
    )


def main() -> None:
    """Print the table."""
    print(f"{platform.platform()}, Keras {keras.__version__}, at the smallest size, random weights")
    print(f"median of {RUNS}, in turns\n")
    print(f"{'':22}{'plain Keras':>12}{'tlkit':>9}{'ratio':>8}")
    specs = [spec for spec in tlkit.list_backbones() if spec.distribution == "tlkit"]
    seconds(lambda: keras.applications.VGG16(include_top=False, weights=None))
    totals = [0.0, 0.0]
    for spec in specs:
        plain, ours = compare(spec)
        totals = [totals[0] + plain, totals[1] + ours]
        print(f"{spec.name:22}{plain:10.3f} s{ours:7.3f} s{ours / plain:8.3f}", flush=True)
    print(f"{'all':22}{totals[0]:10.3f} s{totals[1]:7.3f} s{totals[1] / totals[0]:8.3f}")


if __name__ == "__main__":
    main()
