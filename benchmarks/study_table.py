"""The study's work, plain Keras as its transfer-learning guide writes it against tlkit.

Same images, same head, same epochs, in turn, in one process. Plain Keras runs a few epochs of each
kind; its time for all of them is the first epoch and the median of the others for the rest, and
the table says so. What both reach in weighted F1 is compared after those few epochs.

The limit is what no bookkeeping can beat: one bare pass of the engine over the distinct images,
and the bare steps of the tail (``fit`` on arrays in memory), timed in the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tlkit

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))
sys.path.insert(0, str(Path(__file__).parent))

from augmentation import stacked  # noqa: E402
from challenge import read_challenge  # noqa: E402
from protocol import AUGMENTATION, FINE_TUNED_LAYERS, HEAD  # noqa: E402

from tlkit.features.cache import FeatureStore  # noqa: E402
from tlkit.features.extract import Trunk  # noqa: E402
from tlkit.training.parts import assemble  # noqa: E402
from tlkit.training.phase import prepare, selections  # noqa: E402
from tlkit.training.session import Images  # noqa: E402

TOP = tlkit.UnfreezeTop(layers=FINE_TUNED_LAYERS)
FINE_RATE = 1e-5


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Args:
        title: What is done.
        plain: Seconds of plain Keras, scaled.
        ours: Seconds of tlkit, of each round.
        limit: Seconds of the bare engine and the bare tail.
        scores: Weighted F1 of plain Keras and of tlkit after the epochs that both ran.
    """

    title: str
    plain: float
    ours: Sequence[float]
    limit: float
    scores: tuple[float, float] | None = None

    def __str__(self) -> str:
        mine = statistics.median(self.ours)
        f1 = "" if self.scores is None else f"  F1 {self.scores[0]:.3f} {self.scores[1]:.3f}"
        return (
            f"{self.title:44} {self.plain:8.1f} {mine:8.1f} {self.plain / mine:7.1f}x"
            f" {self.limit:8.1f} {self.plain / self.limit:7.1f}x {self.limit / mine:6.0%}{f1}"
        )


HEADER = (
    f"{'seconds':44} {'plain':>8} {'tlkit':>8} {'ratio':>8} {'limit':>8} {'ratio':>8} {'of it':>6}"
)


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds of each epoch, validation included."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def __deepcopy__(self, memo: Any) -> Clock:
        return self  # stages work on copies of callbacks; this one is looked at afterwards

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Start."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Stop."""
        self.times.append(time.perf_counter() - self._started)

    def seconds(self, epochs: int) -> float:
        """Return the time of so many epochs, scaled from those that were run."""
        return self.times[0] + (epochs - 1) * statistics.median(self.times[1:])


class Work:
    """What is measured, on one backbone.

    Args:
        options: The command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.use(*read_challenge(RAKUTEN / "sample").split(0.2, seed=0))

    def use(self, train: Any, validation: Any) -> None:
        """Go on with other images."""
        self.train, self.validation = train, validation
        self._known: dict[tuple[Any, int], tuple[float, float]] = {}
        self._ran: dict[tuple[Any, bool, int], tuple[Clock, float]] = {}
        for name in ("pixels", "everything"):
            vars(self).pop(name, None)

    def rows(self) -> Iterator[Row]:
        """Measure the rows that are wanted, one after the other."""
        shortened = self.options.our_epochs
        with tempfile.TemporaryDirectory() as folder:
            kept = Path(folder)
            measures: list[Callable[[], Row]] = [
                lambda: self._stage_one(kept),
                self._grid,
                lambda: self._sweep(kept),
                lambda: self._stage("2: frozen, augmented", 10, None, fresh=True, run=shortened),
                lambda: self._stage("3: last 8 layers", 20, TOP, fresh=False, run=20),
                lambda: self._stage("5: last 8, augmented", 20, TOP, fresh=True, run=shortened),
            ]
            for number in self.options.rows:
                yield measures[number - 1]()

    def _stage_one(self, kept: Path) -> Row:
        plain, f1 = self.plain(None, fresh=False)
        times, few = [], self.options.plain_epochs
        for number in range(self.options.rounds):
            with tempfile.TemporaryDirectory() as cache:
                folder = kept if number == 0 else Path(cache)
                stage = self._settings(40, snapshots=(few,))
                seconds, result = self._timed(lambda s=stage, c=folder: self._fit(s, c))
                times.append(seconds)
        mine = tlkit.evaluate(result.after(few), self.validation).weighted_f1
        limit = self._limit(None, inputs=1, epochs=40)
        return Row("stage 1: frozen, 40 epochs", plain.seconds(40), times, limit, (f1, mine))

    def _grid(self) -> Row:
        lengths = (10, 20, 40)
        plain = limit = 0.0
        engine = self._limit(None, inputs=1, epochs=0)
        for batch in (32, 64):
            clock, _ = self.plain(None, fresh=False, batch=batch)
            plain += sum(map(clock.seconds, lengths))
            limit += self._limit(None, inputs=1, epochs=40, batch=batch) - engine
        times = []
        for _ in range(self.options.rounds):
            with tempfile.TemporaryDirectory() as cache:
                start = time.perf_counter()
                for batch in (32, 64):
                    stage = self._settings(40, snapshots=lengths[:-1], batch_size=batch)
                    result = self._fit(stage, Path(cache))
                    for epochs in lengths[:-1]:
                        result.after(epochs)
                times.append(time.perf_counter() - start)
        return Row("stage 1 grid: batch 32, 64; 10, 20, 40 epochs", plain, times, engine + limit)

    def _sweep(self, kept: Path) -> Row:
        clock, _ = self.plain(None, fresh=False)
        finder = tlkit.ExponentialLRFinder.study(100)
        times = []
        for _ in range(self.options.rounds):
            trainer = self._trainer(self._settings(1), kept)
            find = trainer.find_learning_rate
            times.append(self._timed(lambda f=find: f(self.train, finder, verbose=0))[0])
        engine = self._limit(None, inputs=1, epochs=0)
        limit = self._limit(None, inputs=1, epochs=100) - engine
        return Row("stage 4: 100 rates, after stage 1", clock.seconds(100), times, limit)

    def _stage(self, title: str, epochs: int, policy: Any, *, fresh: bool, run: int) -> Row:
        plain, f1 = self.plain(policy, fresh=fresh)
        few = self.options.plain_epochs
        settings: dict[str, Any] = {"augmentation": AUGMENTATION if fresh else None}
        if policy is not None:
            settings |= {"policy": policy, "learning_rate": FINE_RATE}
        clock = Clock()
        snapshots = (few,) if few < run else ()
        stage = self._settings(run, snapshots=snapshots, **settings)
        with tempfile.TemporaryDirectory() as cache:
            seconds, result = self._timed(lambda: self._fit(stage, Path(cache), clock))
        # What comes once, and each epoch as often as it would be run.
        once = seconds - sum(clock.times)
        mine = once + clock.seconds(epochs)
        after = result.after(few) if snapshots else result
        ours = tlkit.evaluate(after, self.validation).weighted_f1
        limit = self._limit(policy, inputs=epochs if fresh else 1, epochs=epochs)
        told = f"stage {title}, {epochs} epochs" + ("" if run == epochs else f" ({run} run)")
        return Row(told, plain.seconds(epochs), [mine], limit, (f1, ours))

    def plain(self, policy: Any, *, fresh: bool, batch: int = 32) -> tuple[Clock, float]:
        """Train as the guide does; return the seconds of its epochs and the F1 after them."""
        key = (policy, fresh, batch)
        if key not in self._ran:
            self._ran[key] = self._trained(policy, fresh, batch)
        return self._ran[key]

    def _trained(self, policy: Any, fresh: bool, batch: int) -> tuple[Clock, float]:
        keras.utils.clear_session()
        base = self._backbone()
        base.trainable = policy is not None
        if policy is not None:
            self._freeze(base)
        image = keras.Input((self.options.size, self.options.size, 3))
        x = base(stacked()(image) if fresh else image, training=False)
        model = keras.Model(image, HEAD.build(x, len(self.train.class_names), seed=0))
        rate = 0.001 if policy is None else FINE_RATE
        adam = keras.optimizers.Adam(rate)
        model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
        clock = Clock()
        model.fit(
            self.pixels[0],
            self.train.labels,
            validation_data=(self.pixels[1], self.validation.labels),
            epochs=self.options.plain_epochs,
            batch_size=batch,
            verbose=0,
            callbacks=[clock],
        )
        return clock, tlkit.evaluate(model, self.validation).weighted_f1

    @staticmethod
    def _freeze(base: Any) -> None:
        for number, layer in enumerate(base.layers, start=-len(base.layers)):
            # The guide's training=False is meant to keep BatchNormalization still, but under fit
            # Keras 3 passes training=True on to layers that are unfrozen.
            batch_norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = number >= -FINE_TUNED_LAYERS and not batch_norm

    def _limit(self, policy: Any, *, inputs: int, epochs: int, batch: int = 32) -> float:
        """Return the seconds of the bare engine over its inputs and of the bare tail's steps."""
        engine_s, tail_s = self._bare(policy, batch)
        held_out = len(self.validation) / (len(self.train) + len(self.validation))
        return engine_s * (held_out + (1 - held_out) * inputs) + tail_s * epochs

    def _bare(self, policy: Any, batch: int) -> tuple[float, float]:
        known = self._known.get((policy, batch))
        if known is None:
            known = self._known[(policy, batch)] = self._measured(policy, batch)
        return known

    def _measured(self, policy: Any, batch: int) -> tuple[float, float]:
        keras.utils.clear_session()
        policy = policy or tlkit.FreezeAll()
        parts = assemble(
            self._backbone,
            HEAD,
            len(self.train.class_names),
            image_size=None,
            weights=None,
            preprocessing="auto",
            seed=0,
        )
        phase = prepare(parts, selections(policy, parts, 1)[0][2], policy)
        pixels = Images(self.train, (self.options.size, self.options.size)).pixels
        with tempfile.TemporaryDirectory() as cache:
            trunk = Trunk(phase.trunk, FeatureStore(Path(cache)), "auto", images_ahead=10**6)
            engine = trunk.ready(pixels)
            print(f"  {trunk.notes[-1]}", flush=True)
            batches = [self.everything[i : i + 32] for i in range(0, len(self.everything), 32)]
            engine.run(batches[0])
            passes = []
            for _ in range(self.options.rounds if policy == tlkit.FreezeAll() else 1):
                start = time.perf_counter()
                features = [engine.run(x) for x in batches]
                passes.append(time.perf_counter() - start)
        x = np.concatenate(features)
        trained, held_out = x[: len(self.train)], x[len(self.train) :]
        steps = -(-len(trained) // batch)
        phase.tail.compile(
            keras.optimizers.Adam(FINE_RATE),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=steps if keras.backend.backend() == "tensorflow" else 1,
        )
        clock = Clock()
        phase.tail.fit(
            trained,
            self.train.labels,
            validation_data=(held_out, self.validation.labels),
            epochs=4,
            batch_size=batch,
            verbose=0,
            callbacks=[clock],
        )
        return statistics.median(passes), statistics.median(clock.times[1:])

    def _fit(self, stage: tlkit.Stage, cache: Path, clock: Clock | None = None) -> Any:
        keras.utils.clear_session()
        clocks = () if clock is None else (clock,)
        trainer = self._trainer(replace(stage, callbacks=clocks), cache)
        return trainer.fit(self.train, self.validation, verbose=0)

    def _trainer(self, stage: tlkit.Stage, cache: Path) -> tlkit.StagedTrainer:
        name = self.options.backbone
        size, weights = self.options.size, self.weights
        return tlkit.StagedTrainer(
            name, stages=[stage], head=HEAD, image_size=size, weights=weights, cache=cache
        )

    def _settings(self, epochs: int, **settings: Any) -> tlkit.Stage:
        given = {"learning_rate": 0.001, "keep_best": None, **settings}
        return tlkit.Stage("stage", epochs=epochs, **given)

    def _backbone(self) -> Any:
        size = self.options.size
        return tlkit.build_backbone(self.options.backbone, image_size=size, weights=self.weights)

    @property
    def weights(self) -> str | None:
        return None if self.options.weights == "none" else self.options.weights

    @cached_property
    def pixels(self) -> list[np.ndarray]:
        """Decoded images of both sets; plain Keras gets them for nothing."""
        size = self.options.size
        return [data.load(np.arange(len(data)), size) for data in (self.train, self.validation)]

    @cached_property
    def everything(self) -> np.ndarray:
        """All of them, as the engine gets them."""
        return np.concatenate(self.pixels)

    @staticmethod
    def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--weights", default="imagenet", help="'none' for random ones")
    parser.add_argument("--plain-epochs", type=int, default=3, help="that plain Keras runs")
    parser.add_argument("--our-epochs", type=int, default=10, help="augmented epochs we run")
    parser.add_argument("--rounds", type=int, default=3, help="of ours, from nothing")
    parser.add_argument("--rows", type=int, nargs="+", choices=range(1, 7), default=range(1, 7))
    options = parser.parse_args()
    if 3 in options.rows and options.rows[0] != 1:
        parser.error("row 3 goes on from row 1: give --rows 1 3")
    work = Work(options)
    print(
        f"{options.backbone}, {options.size} px, weights {options.weights}, "
        f"{len(work.train)} + {len(work.validation)} images; {platform.platform()}, "
        f"{os.cpu_count()} cores, {keras.backend.backend()} {keras.__version__}; plain Keras "
        f"scaled from {options.plain_epochs} epochs; medians of {options.rounds} rounds of stage "
        "1, grid and sweep; F1: plain Keras, tlkit",
        flush=True,
    )
    found = []
    for row in work.rows():
        found.append(row)
        print(f"{HEADER}\n{row}", flush=True)
    print("\n".join(["", HEADER, *map(str, found)]))


if __name__ == "__main__":
    main()
