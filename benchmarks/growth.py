"""How the cost grows with images, epochs and candidates: plain Keras against tlkit, as a picture.

The same head on both sides. tlkit's points are all run, from an empty store. Plain Keras runs four
epochs for each number of images; the median of the last three, times the epochs and candidates, is
drawn as a line.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from plain_keras import PlainKeras
from protocol import HEAD
from setting import Setting, add_options

import tlkit

IMAGES, EPOCHS, CANDIDATES = (300, 600, 1200), (5, 10, 20, 40), (1, 2, 4)
PLAIN, OURS = "#D55E00", "#0072B2"


def ours(setting: Setting, epochs: int, candidates: int) -> float:
    """Return the seconds of heads from several seeds on one backbone, from an empty store."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(candidates):
            stage = tlkit.Stage("head", epochs=epochs, learning_rate=0.001, keep_best=None)
            setting.fit(stage, Path(cache), head=HEAD, seed=seed)
    return time.perf_counter() - start


def cut(whole: Any, count: int) -> Any:
    """Return so many images of a data set, drawn at random."""
    return whole.subset(np.sort(np.random.default_rng(0).permutation(len(whole))[:count]))


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--out", type=Path, default=Path("growth.png"))
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    setting, epoch_s = Setting(options), {}
    whole, validation = setting.train, setting.validation
    panels: dict[str, tuple[tuple[int, ...], list[float], list[float]]] = {}
    seconds = []
    for count in IMAGES:
        setting = Setting(options, cut(whole, count), validation)
        clock, _ = PlainKeras(setting, 4).train(top=False, fresh=False)
        epoch_s[count] = statistics.median(clock.times[1:])
        seconds.append(ours(setting, 10, 1))
    panels["images, 10 epochs"] = (IMAGES, [10 * epoch_s[n] for n in IMAGES], seconds)
    last = epoch_s[IMAGES[-1]]
    done = [ours(setting, epochs, 1) for epochs in EPOCHS]
    panels[f"epochs, {IMAGES[-1]} images"] = (EPOCHS, [n * last for n in EPOCHS], done)
    done = [ours(setting, 10, n) for n in CANDIDATES]
    panels["seeds of the head, 10 epochs"] = (CANDIDATES, [10 * n * last for n in CANDIDATES], done)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axes, (title, (numbers, plain, mine)) in zip(
        figure.subplots(1, 3), panels.items(), strict=True
    ):
        print(f"{title}: {list(numbers)}")
        print(f"  plain {[round(s, 1) for s in plain]} s\n  tlkit {[round(s, 1) for s in mine]} s")
        axes.plot(numbers, plain, "s--", color=PLAIN, label="plain Keras")
        axes.plot(numbers, mine, "o-", color=OURS, label="tlkit, from nothing")
        axes.set(xlabel=title, ylabel="seconds", ylim=(0, None))
        axes.set_xticks(numbers)
        axes.legend(fontsize=9)
    figure.savefig(options.out, dpi=120)
    print(options.out)


if __name__ == "__main__":
    main()
