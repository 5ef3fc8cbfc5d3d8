"""Ways to train, side by side: sets of pictures x recipes x seeds, on test images.

For each set and seed the images are split anew into training, validation and test images, and each
way is trained in a process of its own: a linear probe, the head alone, all layers as one would do
it by hand, `tlkit.fine_tune` as it is, without one of its parts, of other layers and with budgets,
and what other libraries do. Printed are the weighted F1 on the test images, which nothing looked
at, its mean over seeds and the seconds from the call to the model; then, over all sets, the mean
rank of each way and by how much the last one is better, with the 95 % interval of Student's t over
sets.

Rows that were printed before are read from ``--rows`` and not trained again. With ``--keep last``
the ways of `fine_tune` show what they end with, whether they would keep that or not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy import stats

import tlkit

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402

TEST, VALIDATION = 0.25, 0.2
recipes = tlkit.recipes
# Each makes the stages for training images.
STAGES: dict[str, Callable[[tlkit.ImageDataset], tuple[tlkit.Stage, ...]]] = {
    "probe": lambda _: (tlkit.ProbeStage("probe"),),
    "head": lambda _: (tlkit.Stage("head", epochs=20, learning_rate=1e-3),),
    "by hand": lambda _: (
        tlkit.Stage(
            "all",
            epochs=15,
            policy=tlkit.UnfreezeAll(),
            learning_rate=tlkit.WarmupCosine(3e-4, warmup=0),
        ),
    ),
    "keras_guide": lambda _: recipes.keras_guide(),
    "fastai": lambda _: recipes.fastai(),
    "lightning": lambda _: recipes.lightning(),
    "study": lambda _: recipes.study(),
    "bit": recipes.bit_hyperrule,
}
# What fine_tune is given: nothing, less than it would do, other parts of the network, a budget.
ASKED: dict[str, dict[str, Any]] = {
    "fine_tune": {},
    "unaugmented": {"augmentation": None},
    "no smoothing": {"label_smoothing": 0.0},
    "one depth": {"head": tlkit.Head()},
    "top half": {"policy": tlkit.UnfreezeTop(fraction=0.5)},
    "batch norm": {"policy": tlkit.BatchNormOnly(), "learning_rate": 5e-3},
    "lora": {"policy": tlkit.LoRA(rank=8), "learning_rate": 5e-3},
    "1 min": {"budget": "1 min"},
    "3 min": {"budget": "3 min"},
    "10 min": {"budget": "10 min"},
}
USUAL = ["probe", "head", "by hand", "keras_guide", "fastai", "unaugmented", "fine_tune"]


def images(name: str) -> tlkit.ImageDataset:
    """Return all images of a set: the sample, or a folder of class folders."""
    if name == "sample":
        return read_challenge(RAKUTEN / "sample")
    return tlkit.ImageDataset.from_directory(name)


def measure(options: argparse.Namespace) -> None:
    """Train in one way with one seed, and print what came out as a line of JSON."""
    (name,), (way,), (size,) = options.sets, options.ways, options.sizes
    data, seed = images(name), options.seed
    train, validation, test = data.split(VALIDATION, test=TEST, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        given: dict[str, Any] = {"image_size": size, "seed": seed, "cache": folder}
        begun = time.perf_counter()
        if way in ASKED:
            asked = {**given, **ASKED[way], "keep": options.keep, "verbose": 0}
            result = tlkit.fine_tune(train, validation, options.backbone, **asked)
        else:
            stages = list(STAGES[way](train))
            trainer = tlkit.StagedTrainer(options.backbone, stages=stages, **given)
            result = trainer.fit(train, validation, verbose=0)
        took = time.perf_counter() - begun
    chosen = tlkit.evaluate(result, validation).weighted_f1
    found = {"f1": tlkit.evaluate(result, test).weighted_f1, "validation": chosen, "took": took}
    key = {"set": Path(name).name, "size": size, "way": way, "seed": seed, "keep": options.keep}
    print(json.dumps({**key, **found}))


def trained(name: str, size: int, way: str, seed: int, options: argparse.Namespace) -> Any:
    """Return the row of one training, which runs in a process of its own if it has to."""
    key = {"set": Path(name).name, "size": size, "way": way, "seed": seed, "keep": options.keep}
    lines = options.rows.read_text().splitlines() if options.rows.exists() else []
    for row in map(json.loads, lines):
        if row.items() >= key.items():
            return row
    words = ["--sets", name, "--sizes", str(size), "--ways", way, "--seed", str(seed)]
    words += ["--backbone", options.backbone, "--keep", options.keep]
    words = [sys.executable, __file__, *words]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    with options.rows.open("a") as file:
        file.write(f"{done.stdout.splitlines()[-1]}\n")
    return json.loads(done.stdout.splitlines()[-1])


def table(name: str, size: int, options: argparse.Namespace) -> dict[str, float]:
    """Print one set's rows, and return the mean of each way."""
    print(f"\n{Path(name).name}, {size} px: weighted F1 on test images, {options.seeds} seeds")
    means = {}
    for way in options.ways:
        rows = [trained(name, size, way, seed, options) for seed in range(options.seeds)]
        scores = [row["f1"] for row in rows]
        means[way] = statistics.fmean(scores)
        each = " ".join(f"{score:.3f}" for score in scores)
        took = statistics.median(row["took"] for row in rows)
        print(f"  {way:12} {means[way]:.3f}   {each:24} {took:5.0f} s", flush=True)
    return means


def main() -> None:
    """Print a table for each set, and the mean ranks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=["sample"], help="'sample', or folders")
    parser.add_argument("--sizes", nargs="+", type=int, default=[128])
    parser.add_argument("--ways", nargs="+", choices=[*STAGES, *ASKED], default=USUAL)
    parser.add_argument("--seeds", type=int, default=3)
    told = "'last' to see what fine_tune ends with, also where it would keep its probe"
    parser.add_argument("--keep", choices=("best", "last"), default="best", help=told)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--rows", type=Path, default=Path("recipes.jsonl"))
    parser.add_argument("--seed", type=int, help="one training, in this process")
    options = parser.parse_args()
    if options.seed is not None:
        measure(options)
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores; {options.backbone}")
    means = [table(name, size, options) for name in options.sets for size in options.sizes]
    scores = np.array([[each[way] for way in options.ways] for each in means])
    ranks = np.argsort(np.argsort(-scores)).mean(axis=0) + 1
    print(f"\n{len(means)} sets: mean rank, and points that {options.ways[-1]} is better")
    for way, rank, other in zip(options.ways, ranks, scores.T, strict=True):
        better = 100 * (scores[:, -1] - other)
        width = float("nan")
        if len(better) > 1:
            error = better.std(ddof=1) / len(better) ** 0.5
            width = stats.t.ppf(0.975, len(better) - 1) * error
        print(f"  {way:12} {rank:4.1f}   {better.mean():+5.1f} +- {width:.1f}")


if __name__ == "__main__":
    main()
