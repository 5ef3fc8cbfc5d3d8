"""What a budget of `tlkit.fine_tune` brings: the score on test images, and the time that it took.

For each seed and budget the images are split anew, `tlkit.fine_tune(budget=...)` trains in a
process of its own with an empty cache, and the test images, which nothing looked at, are scored.
"ratio" is the real time, from the call to the trained model, over the budget; the goal is at most
1.25.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tlkit

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402

GOAL = 1.25
TEST, VALIDATION = 0.25, 0.2


def images(options: argparse.Namespace) -> tlkit.ImageDataset:
    """Return all images."""
    if options.pictures is None:
        return read_challenge(RAKUTEN / "sample")
    return tlkit.ImageDataset.from_directory(options.pictures)


def measure(options: argparse.Namespace) -> None:
    """Train for one budget and one seed, and print what came out as a line of JSON."""
    data = images(options)
    if options.images is not None:
        data = data.sample(options.images, seed=options.seed)
    train, validation, test = data.split(VALIDATION, test=TEST, seed=options.seed)
    budget = None if options.budget == "None" else options.budget
    size, seed = options.image_size, options.seed
    with tempfile.TemporaryDirectory() as folder:
        settings = {"image_size": size, "seed": seed, "cache": folder, "verbose": 0}
        begun = time.perf_counter()
        result = tlkit.fine_tune(train, validation, options.backbone, budget=budget, **settings)
        took = time.perf_counter() - begun
    found = tlkit.evaluate(result, test)
    last = result.stages[-1]
    done = {
        "f1": found.weighted_f1,
        "took": took,
        "stages": "probe" if len(result.stages) == 1 else f"{last.epochs} epochs",
        "trained": last.trained_parameters,
        "kept": result.kept.name,
    }
    print(json.dumps(done))


def main() -> None:
    """Print the curve: a row for each budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", help="a folder with a folder for each class")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--budgets", nargs="+", default=["1 min", "3 min", "10 min", "None"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, help="so many of them, to try it")
    parser.add_argument("--budget", help="one training, in this process")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.budget is not None:
        measure(options)
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores")
    print("budget        test F1  per seed                    took  ratio  goal  what was trained")
    for budget in options.budgets:
        print(row(budget, options), flush=True)


def row(budget: str, options: argparse.Namespace) -> str:
    """Return what a budget brings, over seeds."""
    runs = []
    for seed in range(options.seeds):
        words = [sys.executable, __file__, *sys.argv[1:], "--budget", budget, "--seed", str(seed)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    scores, took = [run["f1"] for run in runs], max(run["took"] for run in runs)
    limit = seconds(budget)
    ratio = "" if limit is None else f"{took / limit:.2f}"
    goal = "" if limit is None else "yes" if took / limit <= GOAL else "NO"
    each = " ".join(f"{score:.3f}" for score in scores)
    what = ", ".join(f"{x['stages']} ({x['trained']:,}), kept {x['kept']}" for x in runs)
    return f"{budget:12}{np.mean(scores):9.3f}  {each:22}{took:9.0f} s{ratio:>7}{goal:>6}  {what}"


def seconds(budget: str) -> float | None:
    """Return the time of a budget; None for another one."""
    from tlkit.training.recipes.budget import Budget

    limit = None if budget == "None" else Budget.of(budget)
    return None if limit is None else limit.seconds


if __name__ == "__main__":
    main()
