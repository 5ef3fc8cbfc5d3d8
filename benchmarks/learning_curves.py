"""How often a learning curve of half of the pictures holds what all of them give.

A trial draws half of the pictures, with the classes in proportion; `tlkit.learning_curve` of them
foretells the weighted F1 of as many as all pictures are to learn from, with its 90 % interval. Then
it is measured: regressions on four fifths of all pictures predict the others. Ten trials for each
set of pictures: Rakuten's sample, and the folders that are named (``--data``), one folder for each
class.

Promised: at least 85 % of the measured figures inside their intervals.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from setting import RAKUTEN, add_options, read_challenge as read_rakuten
from sklearn.metrics import f1_score

import tlkit
from tlkit._regression.regressions import Prepared
from tlkit.data.even_folds import even_folds
from tlkit.probing._curve_fit import fitted_curve
from tlkit.probing._rounds import nested_order
from tlkit.probing._subsets import Deal, curve_of, shares

FOLDS, POINTS, REPEATS = 5, 6, 3  # as in `tlkit.learning_curve`
PROMISED = 0.85


def predicted(x: Any, y: Any, classes: int, seed: int, wanted: Any) -> tuple[Any, Any]:
    """Return classes ``(shares, deals, n)`` out of fold, and of how many pictures each learned."""
    pictures = Prepared.of(x.copy(), y, classes)
    seeds = [100 * seed + number for number in range(REPEATS)]
    deals = [Deal(pictures, even_folds(y, FOLDS, seed=each), each) for each in seeds]
    found, sizes = curve_of(deals, wanted, lambda *_: None)
    answers = [[rows.argmax(axis=1) for rows in each] for each in found]
    return np.array(answers), np.array(sizes)


def trials(x: Any, y: Any, names: Any, count: int) -> Iterator[tuple[tlkit.Foretold, float]]:
    """Yield what was foretold from half of the pictures, and what all of them gave."""
    for seed in range(count):
        half = np.sort(nested_order(y, seed)[: len(y) // 2])
        wanted = shares(y[half], FOLDS, POINTS)
        few = predicted(x[half], y[half], len(names), seed, wanted)
        (answers,), (size,) = predicted(x, y, len(names), seed, np.array([1.0]))
        scores = [f1_score(y, each, average="weighted") for each in answers]
        yield fitted_curve(y[half], *few, names, seed=seed).at(size), float(np.mean(scores))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--data", action="append", default=[], help="a folder with one per class")
    parser.add_argument("--trials", type=int, default=10)
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("foretold from half, 90 % interval, measured with all; weighted F1", flush=True)
    sets = {"sample": read_rakuten(RAKUTEN / "sample")}
    sets |= {Path(given).name: tlkit.ImageDataset.from_directory(given) for given in options.data}
    weights = None if options.weights == "none" else options.weights
    inside = []
    for name, data in sets.items():
        found = tlkit.extract(
            options.backbone, data, image_size=options.size, weights=weights, verbose=0
        )
        x = np.array(found, "float32")
        for told, score in trials(x, data.labels, data.class_names, options.trials):
            inside.append(told.low <= score <= told.high)
            print(
                f"{name:10}  {told.value:.4f}  [{told.low:.4f}, {told.high:.4f}]  {score:.4f}"
                f"{'' if inside[-1] else '  outside'}",
                flush=True,
            )
    share = np.mean(inside)
    print(f"{sum(inside)} of {len(inside)} inside: {share:.1%}  (promised: {PROMISED:.0%})")


if __name__ == "__main__":
    main()
