"""What an epoch of fine-tuning costs in tlkit, against plain ``keras.Model.fit``.

Both train the same model with everything unfrozen, from the same weights, on the same batches in
the same order, and validate on the same images. They take turns, epoch by epoch, in one process.
The plain side has its pixels in one array in memory and no callbacks but the clock; tlkit's keeps
a run directory, so that its epochs also copy the weights and write a checkpoint. The first epoch
of each, which compiles, does not count.

A real backbone is followed by a network so small that what tlkit adds is at its largest.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tlkit
from tlkit.data.batches import epoch_order

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402

BATCH = 32
RATE = 0.0001
SEED = 0
STAGE = "all"
SMALL = 32
# No dropout: its random numbers are the one thing that two models would not share.
HEAD = tlkit.Head(dropout=0)


class Turn(keras.callbacks.Callback):
    """Times the epochs of one side, and lets the other side run between them.

    It is the first callback: an epoch lasts from its beginning to that of the next, and the last
    to the end of training, with all that other callbacks do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[float] = []
        self.processor: list[float] = []
        self.afterwards: list[float] = []
        self.mine = threading.Semaphore(0)
        self.other: Turn | None = None
        self.alone = False
        self._started = self._ended = self._processor = 0.0

    def __deepcopy__(self, memo: Any) -> Turn:
        return self  # a stage trains with copies of its callbacks

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._note()
        if not self.alone:
            self.other.mine.release()
            self.mine.acquire()
        self._started, self._processor = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._ended = time.perf_counter()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        self._note()

    def leave(self) -> None:
        self.other.alone = True
        self.other.mine.release()

    def _note(self) -> None:
        now = time.perf_counter()
        if self._started:
            self.epochs.append(now - self._started)
            self.processor.append(time.process_time() - self._processor)
            self.afterwards.append(now - self._ended)


def plain(
    model: Any, train: Any, validation: Any, size: int, epochs: int, turn: Turn
) -> list[np.ndarray]:
    """Fine-tune as Keras' guide does it; return the weights.

    The epochs' images lie behind each other in one array, so that their order is tlkit's.
    """
    orders = [
        epoch_order(len(train), seed=SEED, stage=STAGE, epoch=epoch) for epoch in range(epochs)
    ]
    order = np.concatenate(orders)
    pixels, held_out = (d.load(np.arange(len(d)), size) for d in (train, validation))
    model.trainable = True
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    model.compile(
        keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(
        pixels[order],
        train.labels[order],
        validation_data=(held_out, validation.labels),
        epochs=epochs,
        steps_per_epoch=len(train) // BATCH,
        batch_size=BATCH,
        shuffle=False,
        verbose=0,
        callbacks=[turn],
    )
    return list(model.get_weights())


def ours(
    backbone: Any, start: Path, train: Any, validation: Any, size: int, epochs: int, turn: Turn
) -> list[np.ndarray]:
    """Fine-tune in one stage; return the weights of its last epoch."""
    stage = tlkit.Stage(
        STAGE,
        epochs=epochs,
        learning_rate=RATE,
        batch_size=BATCH,
        policy=tlkit.UnfreezeAll(),
        keep_best=None,
        callbacks=(turn,),
    )
    with tempfile.TemporaryDirectory() as run:
        trainer = tlkit.StagedTrainer(
            backbone,
            stages=[stage],
            head=HEAD,
            image_size=size,
            weights=None,
            start_from=start,
            run_dir=run,
            seed=SEED,
        )
        return list(trainer.fit(train, validation, verbose=0).model.get_weights())


def in_turns(sides: dict[Turn, Callable[[], Any]]) -> list[Any]:
    """Run both sides, each in a thread that waits while the other runs; return what they return."""
    first, second = sides
    first.other, second.other = second, first
    results: dict[Turn, Any] = {}

    def run(turn: Turn) -> None:
        turn.mine.acquire()
        try:
            results[turn] = sides[turn]()
        finally:
            turn.leave()

    threads = [threading.Thread(target=run, args=(turn,)) for turn in sides]
    for thread in threads:
        thread.start()
    first.mine.release()
    for thread in threads:
        thread.join()
    if len(results) < len(sides):
        raise SystemExit("One side failed; its error stands above.")
    return [results[turn] for turn in sides]


def compare(backbone: Any, name: str, train: Any, validation: Any, size: int, epochs: int) -> None:
    """Print the rows of one backbone."""
    base = tlkit.build_backbone(backbone, image_size=size, weights=None)
    top = HEAD.build(base.outputs[0], len(train.class_names), seed=SEED)
    model = keras.Model(base.inputs[0], top)
    slow, fast = Turn(), Turn()
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "start.weights.h5"
        model.save_weights(start)
        weights, trained = in_turns(
            {
                slow: lambda: plain(model, train, validation, size, epochs, slow),
                fast: lambda: ours(backbone, start, train, validation, size, epochs, fast),
            }
        )
    difference = max(float(np.abs(a - b).max()) for a, b in zip(weights, trained, strict=True))
    kept = median(fast.afterwards)
    print(f"\n{name}, {size} px, {model.count_params():,} parameters, {len(train)} images")
    for side, turn in (("plain Keras", slow), ("tlkit", fast)):
        seconds = " ".join(f"{s:.2f}" for s in turn.epochs[1:])
        print(f"  {side:12}{median(turn.epochs):8.3f} s an epoch  ({seconds})")
    added = median(fast.epochs) - median(slow.epochs)
    print(
        f"  ratio       {median(fast.epochs) / median(slow.epochs):8.3f}; of processor time "
        f"{median(fast.processor) / median(slow.processor):.3f}"
    )
    print(
        f"  tlkit adds  {added:8.3f} s; keeping the weights and writing the checkpoint takes "
        f"{kept:.3f} s ({kept / median(fast.epochs):.1%})"
    )
    print(f"  largest difference between the weights of both: {difference:.1e}", flush=True)


def median(epochs: list[float]) -> float:
    """Return the median of all epochs but the first, which compiles."""
    return statistics.median(epochs[1:])


def small_network() -> Any:
    """Return a network whose steps take milliseconds."""
    image = keras.Input((SMALL, SMALL, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(image, x)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="mobilenet_v2", help="with random weights")
    parser.add_argument("--size", type=int, default=96, help="side of the images in pixels")
    parser.add_argument("--epochs", type=int, default=8, help="the first of which does not count")
    parser.add_argument("--small-epochs", type=int, default=22, help="of the small network")
    options = parser.parse_args()
    train, validation = read_challenge(RAKUTEN / "sample").split(0.2, seed=0)
    # Whole batches only: the plain side's array has no gap between two epochs.
    train = train.subset(np.arange(len(train) // BATCH * BATCH))
    print(f"{platform.platform()}, {os.cpu_count()} cores, {keras.backend.backend()} backend")
    print(f"Keras {keras.__version__}, UnfreezeAll, batches of {BATCH}, medians; in brackets all")
    compare(options.backbone, options.backbone, train, validation, options.size, options.epochs)
    compare(small_network, "a small network", train, validation, SMALL, options.small_epochs)


if __name__ == "__main__":
    main()
