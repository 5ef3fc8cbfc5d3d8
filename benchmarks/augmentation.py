"""What random changes of images cost, against Keras layers and torchvision.

The same 32 images go through ``tlkit.Augmentation`` with the study's settings and through five
Keras layers with theirs: called one batch after the other, compiled, and in a ``tf.data`` pipeline
with parallel calls. The fastest of the three is what tlkit is compared with. All take turns.

Then: how much of an epoch is augmentation, where the backbone is frozen. The epoch's images are
augmented by themselves and in a stage of training, in turns.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

import tlkit

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402
from protocol import AUGMENTATION, HEAD  # noqa: E402

BATCH = 32
BATCHES = 4  # that one measurement goes through, for pipelines to fill
STAGE = "augmented"
Seconds = tuple[float, float]  # of the clock and of the processor


def seconds(work: Callable[[], Any]) -> Seconds:
    """Return how long something takes."""
    start, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - processor


def stacked() -> Any:
    """Return the study's settings as Keras layers, in their units."""
    turn, slant = AUGMENTATION.rotation / 360, math.radians(AUGMENTATION.shear)
    fill = {"fill_mode": AUGMENTATION.fill_mode}
    return keras.Sequential(
        [
            layers.RandomRotation(turn, **fill),
            layers.RandomShear(slant, slant, **fill),
            layers.RandomTranslation(AUGMENTATION.height_shift, AUGMENTATION.width_shift, **fill),
            layers.RandomZoom(AUGMENTATION.zoom, AUGMENTATION.zoom, **fill),
            layers.RandomFlip(),
        ]
    )


def ways(images: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Return tlkit and each way of using the Keras layers, for ``BATCHES`` batches."""
    change, indices = stacked(), np.arange(len(images))
    change(images.astype("float32"), training=True)

    def ours() -> None:
        for epoch in range(BATCHES):
            AUGMENTATION(images, indices, seed=0, stage=STAGE, epoch=epoch)

    def eager() -> None:
        for _ in range(BATCHES):
            np.asarray(change(images, training=True))

    found: dict[str, Callable[[], Any]] = {"tlkit": ours, "Keras, eager": eager}
    if keras.backend.backend() == "tensorflow":
        found |= _with_tensorflow(images, lambda batch: change(batch, training=True))
    return found


def _with_tensorflow(
    images: np.ndarray, change: Callable[[Any], Any]
) -> dict[str, Callable[[], Any]]:
    import tensorflow as tf

    graph = tf.function(change)
    data = tf.data.Dataset.from_tensor_slices(np.concatenate([images] * BATCHES))
    data = data.batch(len(images)).map(change, num_parallel_calls=tf.data.AUTOTUNE)
    data = data.prefetch(tf.data.AUTOTUNE)

    def compiled() -> None:
        for _ in range(BATCHES):
            graph(images).numpy()

    def pipeline() -> None:
        for batch in data:
            batch.numpy()

    return {"Keras, tf.function": compiled, "Keras, tf.data map": pipeline}


def compare(size: int, rounds: int) -> None:
    """Print what an image costs each way."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (BATCH, size, size, 3), np.uint8)
    works = ways(images)
    for work in works.values():
        work()
    taken: dict[str, list[Seconds]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(seconds(work))
    print(f"\n{size} px, batches of {BATCH} uint8 images, ms an image, medians of {rounds} rounds")
    print(f"{'':20}{'clock':>10}{'processor':>12}")
    per_image = 1000 / (BATCH * BATCHES)
    medians = {
        name: tuple(map(statistics.median, zip(*t, strict=True))) for name, t in taken.items()
    }
    for name, (clock, processor) in medians.items():
        print(f"{name:20}{clock * per_image:10.2f}{processor * per_image:12.2f}")
    for place, what in enumerate(("clock", "processor time")):
        best = min((name for name in works if name != "tlkit"), key=lambda n: medians[n][place])
        ratio = statistics.median(
            one[place] / other[place]
            for one, other in zip(taken["tlkit"], taken[best], strict=True)
        )
        print(f"tlkit / fastest by {what} ({best}): {ratio:.3f}", flush=True)


class Clock(keras.callbacks.Callback):
    """Times epochs of a stage, and between them the augmentation of an epoch by itself.

    An epoch lasts until the next begins. The first, which compiles, is left out, and the last.
    """

    def __init__(self, augment: Callable[[], Any]) -> None:
        super().__init__()
        self.epochs: list[Seconds] = []
        self.alone: list[Seconds] = []
        self._augment = augment
        self._started = (0.0, 0.0)

    def __deepcopy__(self, memo: Any) -> Clock:
        return self  # a stage trains with copies of its callbacks

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        clock, processor = time.perf_counter(), time.process_time()
        if epoch > 1:
            self.epochs.append((clock - self._started[0], processor - self._started[1]))
            self.alone.append(seconds(self._augment))
        self._started = time.perf_counter(), time.process_time()


def share(train: Any, size: int, epochs: int) -> None:
    """Print how much of an epoch of a frozen stage its augmentation is."""
    pixels, samples = train.load(np.arange(len(train)), size), np.arange(len(train))

    def augment() -> None:
        for start in range(0, len(train), BATCH):
            part = slice(start, start + BATCH)
            AUGMENTATION(pixels[part], samples[part], seed=0, stage=STAGE, epoch=0)

    clock = Clock(augment)
    stage = tlkit.Stage(
        STAGE,
        epochs=epochs + 2,
        learning_rate=0.001,
        batch_size=BATCH,
        augmentation=AUGMENTATION,
        callbacks=(clock,),
    )
    with tempfile.TemporaryDirectory() as cache:
        trainer = tlkit.StagedTrainer(
            "efficientnet_lite0", stages=[stage], head=HEAD, image_size=size, cache=cache
        )
        result = trainer.fit(train, verbose=0)
    print(
        f"\nEfficientNet-Lite0 frozen, {size} px, {len(train)} images, medians of {epochs} epochs"
    )
    for note in result.stages[0].notes:
        print(f"  {note}")
    for place, what in enumerate(("clock", "processor")):
        alone = statistics.median(one[place] for one in clock.alone)
        epoch = statistics.median(one[place] for one in clock.epochs)
        print(f"  {what:10} augmentation {alone:.2f} s, epoch {epoch:.2f} s: {alone / epoch:.1%}")
    sys.stdout.flush()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    parser.add_argument("--stage-sizes", type=int, nargs="*", default=[128, 224])
    parser.add_argument("--images", type=int, default=1244, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3, help="of a stage that are timed")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    print(f"Keras {keras.__version__}, {AUGMENTATION}")
    compare(options.size, options.rounds)
    data = read_challenge(RAKUTEN / "sample")
    train = data.subset(np.random.default_rng(0).permutation(len(data))[: options.images])
    for size in options.stage_sizes:
        share(train, size, options.epochs)


if __name__ == "__main__":
    main()
