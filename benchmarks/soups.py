"""What soups and ensembles add over the best single training, with intervals.

For each seed the pictures are split anew into training, validation and test images. Members are
trainings of one recipe on the same images with other seeds, and snapshots of one training at a
constant rate. The best single member, and the members of a greedy soup, are chosen on the
validation images; differences of the weighted F1 are told on the test images, which nothing looked
at, with the paired interval of `tlkit.compare`. "several heads" are seeds of a head with a hidden
layer on one frozen trunk: no soup, but an ensemble that costs what one of them does.

"ms" is the time of a picture in ``predict`` over that of the best single member.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tlkit

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402

TEST, VALIDATION = 0.25, 0.2
TIMED, ROUNDS = 64, 5
Models = dict[str, tlkit.TrainingResult]


def trained(
    options: argparse.Namespace, seed: int, stages: Any, sets: Any, head: Any = None
) -> Any:
    """Train stages one after the other."""
    size = options.image_size
    trainer = tlkit.StagedTrainer(
        options.backbone, stages=stages, head=head, image_size=size, seed=seed
    )
    return trainer.fit(*sets, verbose=0)


def seeds(options: argparse.Namespace, sets: Any) -> Models:
    """Return trainings of what fine_tune does, but for their seeds."""
    stages = tlkit.recipes.default(sets[0], epochs=options.epochs)
    return {f"seed {s}": trained(options, s, stages, sets) for s in range(options.members)}


def snapshots(options: argparse.Namespace, sets: Any) -> Models:
    """Return the last epochs of one training at a constant rate."""
    epochs = tuple(range(max(1, options.epochs - options.members + 1), options.epochs))
    stage = tlkit.Stage(
        "all",
        epochs=options.epochs,
        learning_rate=options.rate,
        policy=tlkit.UnfreezeAll(),
        label_smoothing=0.1,
        keep_best=None,
        snapshots=epochs,
    )
    last = trained(options, 0, (tlkit.ProbeStage(), stage), sets)
    return {**{f"epoch {n}": last.after(n) for n in epochs}, f"epoch {options.epochs}": last}


def heads(options: argparse.Namespace, sets: Any) -> Models:
    """Return heads with a hidden layer on one frozen trunk."""
    stages = (tlkit.Stage("head", epochs=options.head_epochs, learning_rate=1e-3),)
    head = tlkit.Head(units=(256,))
    return {f"seed {s}": trained(options, s, stages, sets, head) for s in range(options.members)}


KINDS = {"seeds": seeds, "snapshots": snapshots, "several heads": heads}


def combined(models: Models, validation: Any, test: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is made of models."""
    asked = {"test": test, "verbose": 0}
    yield "uniform soup", tlkit.soup(models, validation, greedy=False, **asked)
    yield "greedy soup", tlkit.soup(models, validation, **asked)
    yield "ensemble", tlkit.ensemble(models, validation, **asked)


def per_image(models: list[Any], pixels: Any) -> list[float]:
    """Return the median ms of a picture for each model, all in turns."""
    for model in models:
        model.predict_on_batch(pixels)
    taken: list[list[float]] = [[] for _ in models]
    for _ in range(ROUNDS):
        for model, times in zip(models, taken, strict=True):
            begun = time.perf_counter()
            model.predict_on_batch(pixels)
            times.append(1000 * (time.perf_counter() - begun) / len(pixels))
    return [statistics.median(times) for times in taken]


def rows(kind: str, options: argparse.Namespace, data: Any) -> Iterator[str]:
    """Yield what was made of the models of one kind, with the gain of every split."""
    told: dict[str, list[tuple[str, float, float]]] = {}
    for split in range(options.splits):
        train, validation, test = data.split(VALIDATION, test=TEST, seed=split)
        models = KINDS[kind](options, (train, validation))
        pixels = test.load(np.arange(min(TIMED, len(test))), options.image_size)
        for name, found in combined(models, validation, test):
            gain = found.gain
            single, whole = per_image([models[gain.best].model, found.model], pixels)
            low, high = gain.interval
            text = f"{100 * gain.difference:+5.1f} [{100 * low:+5.1f}, {100 * high:+5.1f}]"
            told.setdefault(name, []).append((text, gain.difference, whole / single))
            best = dict(gain.comparison.scores)[gain.best]
            print(f"# {kind}, split {split}: best single {best:.4f}, {found!r}", file=sys.stderr)
    for name, each in told.items():
        mean, ms = (statistics.mean(figures) for figures in list(zip(*each, strict=True))[1:])
        texts = "   ".join(text for text, _, _ in each)
        yield f"{kind:14} {name:13} {100 * mean:+5.1f}  {ms:4.2f}   {texts}"


def main() -> None:
    """Print a row for each kind of members and what is made of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", help="a folder with a folder for each class")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=8, help="of fine-tuning")
    parser.add_argument("--head-epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1e-4, help="of the snapshots, constant")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--images", type=int, help="so many of them, to try it")
    options = parser.parse_args()
    data = read_challenge(RAKUTEN / "sample")
    if options.pictures is not None:
        data = tlkit.ImageDataset.from_directory(options.pictures)
    if options.images is not None:
        data = data.sample(options.images, seed=0)
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, {len(data)} pictures, {options.backbone}"
    )
    print("Points of weighted F1 on test pictures over the best single member [95 %]")
    print(f"{'members':14} {'made':13}  mean  ms     each split")
    for kind in options.kinds:
        for row in rows(kind, options, data):
            print(row, flush=True)


if __name__ == "__main__":
    main()
