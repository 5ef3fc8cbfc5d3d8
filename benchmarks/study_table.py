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
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
from bare import Bare
from plain_keras import FINE_RATE, Clock, PlainKeras
from protocol import AUGMENTATION, FINE_TUNED_LAYERS, HEAD
from setting import Setting, add_options

import tlkit

TOP = tlkit.UnfreezeTop(layers=FINE_TUNED_LAYERS)


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


class Work:
    """What is measured, on one backbone.

    Args:
        options: The command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.setting = Setting(options)
        self.plain = PlainKeras(self.setting, options.plain_epochs)
        self.bare = Bare(self.setting, options.rounds)

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
        plain, f1 = self.plain.train(top=False, fresh=False)
        times, few = [], self.options.plain_epochs
        for number in range(self.options.rounds):
            with tempfile.TemporaryDirectory() as cache:
                folder = kept if number == 0 else Path(cache)
                stage = self._settings(40, snapshots=(few,))
                seconds, result = self._timed(lambda s=stage, c=folder: self._fit(s, c))
                times.append(seconds)
        mine = tlkit.evaluate(result.after(few), self.setting.validation).weighted_f1
        limit = self.bare.seconds(None, inputs=1, epochs=40)
        return Row("stage 1: frozen, 40 epochs", plain.seconds(40), times, limit, (f1, mine))

    def _grid(self) -> Row:
        lengths = (10, 20, 40)
        plain = limit = 0.0
        engine = self.bare.seconds(None, inputs=1, epochs=0)
        for batch in (32, 64):
            clock, _ = self.plain.train(top=False, fresh=False, batch=batch)
            plain += sum(map(clock.seconds, lengths))
            limit += self.bare.seconds(None, inputs=1, epochs=40, batch=batch) - engine
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
        clock, _ = self.plain.train(top=False, fresh=False)
        finder = tlkit.ExponentialLRFinder.study(100)
        times = []
        for _ in range(self.options.rounds):
            trainer = self.setting.trainer(self._settings(1), kept, head=HEAD)
            find = trainer.find_learning_rate
            times.append(self._timed(lambda f=find: f(self.setting.train, finder, verbose=0))[0])
        engine = self.bare.seconds(None, inputs=1, epochs=0)
        # A search looks at no validation images.
        limit = self.bare.seconds(None, inputs=1, epochs=100, validated=False) - engine
        return Row("stage 4: 100 rates, after stage 1", clock.seconds(100), times, limit)

    def _stage(self, title: str, epochs: int, policy: Any, *, fresh: bool, run: int) -> Row:
        plain, f1 = self.plain.train(top=policy is not None, fresh=fresh)
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
        ours = tlkit.evaluate(after, self.setting.validation).weighted_f1
        limit = self.bare.seconds(policy, inputs=epochs if fresh else 1, epochs=epochs)
        told = f"stage {title}, {epochs} epochs" + ("" if run == epochs else f" ({run} run)")
        return Row(told, plain.seconds(epochs), [mine], limit, (f1, ours))

    def _fit(self, stage: tlkit.Stage, cache: Path, clock: Clock | None = None) -> Any:
        clocks = () if clock is None else (clock,)
        return self.setting.fit(replace(stage, callbacks=clocks), cache, head=HEAD)

    def _settings(self, epochs: int, **settings: Any) -> tlkit.Stage:
        given = {"learning_rate": 0.001, "keep_best": None, **settings}
        return tlkit.Stage("stage", epochs=epochs, **given)

    @staticmethod
    def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--plain-epochs", type=int, default=3, help="that plain Keras runs")
    parser.add_argument("--our-epochs", type=int, default=10, help="augmented epochs we run")
    parser.add_argument("--rounds", type=int, default=3, help="of ours, from nothing")
    parser.add_argument("--rows", type=int, nargs="+", choices=range(1, 7), default=range(1, 7))
    options = parser.parse_args()
    if 3 in options.rows and options.rows[0] != 1:
        parser.error("row 3 goes on from row 1: give --rows 1 3")
    work = Work(options)
    train, validation = work.setting.train, work.setting.validation
    print(
        f"{options.backbone}, {options.size} px, weights {options.weights}, "
        f"{len(train)} + {len(validation)} images; {platform.platform()}, "
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
