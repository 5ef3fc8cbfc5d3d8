"""Stage 2 of the study, a frozen backbone with fresh augmentation, at precisions of the trunk.

    python benchmarks/trunk_precision.py             # EfficientNet-Lite0, 128 px, the sample
    python benchmarks/trunk_precision.py --epochs 40 --seeds 5

Plain Keras trains the whole model on the same augmented images; tlkit at float32, bfloat16 and
int8. All run in turn in one process. What an epoch takes after the first is printed, by the clock
and by the processor, which tells more where others are at work; and what the first training takes,
which exports, calibrates and compares. F1 is of the model as it is saved, in float32.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

import tlkit
from tlkit.data.batches import epoch_order

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples" / "rakuten"))
PRECISIONS = ("float32", "bfloat16", "int8")
CHANGE = tlkit.Augmentation(horizontal_flip=True, rotation=20, zoom=0.1)
BATCH = 32
Seconds = tuple[float, float]  # of the clock and of the processor


class Clock(keras.callbacks.Callback):
    """Times the epochs of a stage, each until the next begins: batches are made ahead.

    The first, which traces, decodes and compares most, is left out, and the last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[Seconds] = []
        self._started = (0.0, 0.0)

    def __deepcopy__(self, memo: Any) -> Clock:
        return self  # a stage trains with copies of its callbacks

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        now = time.perf_counter(), time.process_time()
        if epoch > 1:
            self.epochs.append((now[0] - self._started[0], now[1] - self._started[1]))
        self._started = now


def plain_epoch(train: Any, size: int, backbone: str) -> Seconds:
    """Return the seconds of an epoch of plain Keras, the second of two."""

    base = tlkit.build_backbone(backbone, image_size=size)
    base.trainable = False
    x = keras.layers.GlobalAveragePooling2D()(base.outputs[0])
    head = keras.layers.Dense(len(train.class_names), "softmax")(x)
    model = keras.Model(base.inputs, head)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    pixels = train.load(np.arange(len(train)), (size, size))
    spent = (0.0, 0.0)
    for epoch in range(2):
        order = epoch_order(len(train), seed=0, stage="plain", epoch=epoch)
        start, processor = time.perf_counter(), time.process_time()
        for first in range(0, len(order), BATCH):
            part = order[first : first + BATCH]
            rows = CHANGE(pixels[part], part, seed=0, stage="plain", epoch=epoch)
            model.train_on_batch(rows, train.labels[part])
        spent = (time.perf_counter() - start, time.process_time() - processor)
    return spent


def trained(
    sets: Any,
    args: argparse.Namespace,
    precision: Any,
    cache: Path,
    run: tuple[int, int],
    *clocks: Clock,
) -> Any:
    """Return what a training at a precision gave, of a seed and so many epochs."""
    seed, epochs = run
    stage = tlkit.Stage(
        "augmented",
        epochs=epochs,
        learning_rate=1e-3,
        batch_size=BATCH,
        augmentation=CHANGE,
        callbacks=clocks,
    )
    trainer = tlkit.StagedTrainer(
        args.backbone,
        image_size=args.size,
        stages=[stage],
        engine="openvino",
        trunk_precision=precision,
        cache=cache,
        seed=seed,
    )
    return trainer.fit(*sets, verbose=0)


def main() -> None:
    """Measure and print."""
    from challenge import read_challenge

    parser = argparse.ArgumentParser()
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=5, help="at least three")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, help="so many of the sample; all where left out")
    args = parser.parse_args()
    data = read_challenge(ROOT / "examples" / "rakuten" / "sample")
    data = data.sample(args.images, seed=0) if args.images else data
    sets = data.split(0.2)
    plain = plain_epoch(sets[0], args.size, args.backbone)
    print(f"{args.backbone}, {args.size} px, {len(sets[0])} training images, batch {BATCH}")
    print(f"{'plain Keras':12} {plain[0]:6.2f} s an epoch, {plain[1]:.2f} s of the processor")
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            start = time.perf_counter()
            trained(sets, args, precision, Path(folder), (0, 1))
            once, clock = time.perf_counter() - start, Clock()
            runs = [
                trained(sets, args, precision, Path(folder), (seed, args.epochs), clock)
                for seed in range(args.seeds)
            ]
            show(precision, runs, sets[1], (plain, clock.epochs), once)


def show(precision: str, runs: Any, held_out: Any, times: Any, once: float) -> None:
    """Print the line of a precision."""
    plain, epochs = times
    each, processor = (statistics.median(one[place] for one in epochs) for place in range(2))
    scores = [tlkit.evaluate(run, held_out).weighted_f1 for run in runs]
    spread = f" +- {statistics.stdev(scores):.4f}" if len(scores) > 1 else ""
    print(
        f"{precision:12} {each:6.2f} s an epoch, {plain[0] / each:4.1f}x; {processor:.2f} s of the "
        f"processor, {plain[1] / processor:4.1f}x; a first training of one epoch {once:5.1f} s; "
        f"weighted F1 as saved {statistics.mean(scores):.4f}{spread}",
        flush=True,
    )
    check = runs[0].stages[0].precision
    if check is not None:
        print(f"  {check}")
        print("  ms an image: " + ", ".join(f"{n} {ms:.2f}" for n, ms in check.ms.items()))


if __name__ == "__main__":
    main()
