"""What `StagedTrainer.plan` says that a training will take, against what it then takes.

Four trainings, each with an empty cache and a run directory: its plan is made, then it is trained,
in one process of its own. The ratio is the plan's time over the real one; the goal is a factor of
1.5. "between" says whether the real time lies in the range that the plan gives, and "counts"
whether images through the frozen part, epochs and rates of a search are what the plan said.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import tlkit

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402

SIZE = 128
SMALL = 32
GOAL = 1.5


def small_network() -> Any:
    """Return a network whose steps take milliseconds."""
    image = keras.Input((SMALL, SMALL, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(image, x)


def first_rate(_: Any) -> float:
    """Answer whatever a search found: its time counts here."""
    return 0.001


def trainings(scale: float) -> dict[str, dict[str, Any]]:
    """Return the arguments of each trainer."""

    def epochs(count: int) -> int:
        return max(1, round(count * scale))

    lite = {"backbone": "efficientnet_lite0", "image_size": SIZE}
    head = tlkit.Stage("head", epochs=epochs(20), learning_rate=1e-3)
    finder = tlkit.ExponentialLRFinder(1e-5, 1.0, steps=epochs(40), selector=first_rate)
    return {
        "frozen head": {**lite, "stages": [head]},
        "augmented": {
            **lite,
            "stages": [
                tlkit.Stage(
                    "augmented",
                    epochs=epochs(10),
                    learning_rate=1e-3,
                    augmentation=tlkit.Augmentation(),
                )
            ],
        },
        "unfrozen top": {
            **lite,
            "stages": [
                head,
                tlkit.Stage(
                    "top",
                    epochs=epochs(10),
                    learning_rate=1e-5,
                    policy=tlkit.UnfreezeTop(fraction=0.3),
                ),
            ],
        },
        "finder and views": {
            "backbone": small_network,
            "weights": None,
            "stages": [
                tlkit.Stage(
                    "views",
                    epochs=epochs(40),
                    learning_rate=finder,
                    augmentation=tlkit.Augmentation(),
                    views=4,
                )
            ],
        },
    }


def measure(name: str, scale: float, limit: int | None) -> None:
    """Print the row of one training."""
    data = read_challenge(RAKUTEN / "sample")
    train, validation = data.split(0.2, seed=0)
    if limit is not None:
        train, validation = train.sample(limit, seed=0), validation.sample(limit // 4, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        places = {"cache": f"{folder}/cache", "run_dir": f"{folder}/run"}
        trainer = tlkit.StagedTrainer(**trainings(scale)[name], **places)
        begun = time.perf_counter()
        plan = trainer.plan(train, validation, verbose=0)
        planning = time.perf_counter() - begun
        begun = time.perf_counter()
        result = trainer.fit(train, validation, verbose=0)
        real = time.perf_counter() - begun
    ratio = plan.time.seconds / real
    counts = all(same(*pair, result) for pair in zip(plan.stages, result.stages, strict=True))
    print(
        f"{name:18}{planning:11.1f}{plan.time.seconds:8.1f}{real:8.1f}{ratio:8.2f}"
        f"{'yes' if 1 / GOAL <= ratio <= GOAL else 'NO':>6}"
        f"{'yes' if plan.time.low <= real <= plan.time.high else 'no':>9}"
        f"{'yes' if counts else 'NO':>8}",
        flush=True,
    )
    for stage, done in zip(plan.stages, result.stages, strict=True):
        for kind, planned in stage.timings.items():
            print(f"  {stage.name:10}{kind:10}{planned.seconds:14.1f}{done.timings[kind]:8.1f}")


def same(plan: Any, done: Any, result: Any) -> bool:
    """Return whether a stage did what its plan says."""
    curve = result.curves.get(done.name)
    rates = 0 if curve is None else len(curve.losses)
    passes = [0 if x is None else x.passes for x in (plan.frozen, done.frozen)]
    return passes[0] == passes[1] and plan.epochs == done.epochs and plan.search_rates == rates


def main() -> None:
    """Run each training in a process of its own, as people do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=trainings(1), help="one training, in this process")
    parser.add_argument("--scale", type=float, default=1.0, help="of the epochs; small to try it")
    parser.add_argument("--images", type=int, help="as many training images of the sample")
    options = parser.parse_args()
    if options.only is not None:
        measure(options.only, options.scale, options.images)
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    print("seconds             plan took   says    real   ratio  goal  between  counts")
    for name in trainings(1):
        command = [sys.executable, __file__, "--only", name, *sys.argv[1:]]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
