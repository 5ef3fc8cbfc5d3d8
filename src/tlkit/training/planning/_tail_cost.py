"""What it takes to train a tail, measured on a few steps of the code that trains."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

import keras

from tlkit._keras.for_fit import AHEAD
from tlkit._keras.types import Logs
from tlkit.data.images import Images
from tlkit.learning_rate.rate import Rate
from tlkit.training.feeding.feed import Inputs
from tlkit.training.feeding.inputs import Fresh
from tlkit.training.loop._judged_weights import JudgedWeights
from tlkit.training.loop._seen_model import told
from tlkit.training.loop._stage_feeds import StageFeeds
from tlkit.training.loop._tail_training import TailTraining
from tlkit.training.loop.session import Session
from tlkit.training.planning.duration import Duration

# So long may be measured, besides what it takes to compile.
_ENOUGH_S = 3.0
_FEW = 4  # steps
# Training that takes this share of the time to compile it needs no second look.
_SMALL = 0.5


@dataclass(frozen=True)
class TailCost:
    """Seconds to train a tail.

    Args:
        startup: To compile and trace the functions of training and validation.
        tracing: Of it, that of training alone, which a search takes once more.
        training: An epoch, without validation.
        step: A step by itself, as a search by batch takes it.
        validation: One pass over the validation images.
        thorough: Whether it was looked at for longer than a few steps.
    """

    startup: float
    tracing: float
    training: Duration
    step: Duration
    validation: Duration
    thorough: bool = False

    def will_do(self, epochs: float) -> bool:
        """Return whether it need not be looked at for longer, for so many epochs."""
        epoch = self.training.seconds + self.validation.seconds
        return self.thorough or epochs * epoch < _SMALL * self.startup  # what is compiled rules


@dataclass(frozen=True, eq=False)
class _Epoch:
    """Times of an epoch, in seconds of a clock."""

    begin: float
    steps: list[float] = field(default_factory=list)
    test_begin: list[float] = field(default_factory=list)
    tests: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)

    @property
    def trained(self) -> float:
        """How long training took."""
        return self.steps[-1] - self.begin

    @property
    def tested(self) -> float:
        """How long the rest took, which is validation."""
        return self.end[0] - self.steps[-1]


class _Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Note when each step and epoch ends."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = time.perf_counter()
        self.epochs: list[_Epoch] = []

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        self.epochs.append(_Epoch(time.perf_counter()))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        self.epochs[-1].steps.append(time.perf_counter())

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        self.epochs[-1].test_begin.append(time.perf_counter())

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        self.epochs[-1].tests.append(time.perf_counter())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        self.epochs[-1].end.append(time.perf_counter())


class TailTimer:
    """Train the tail of a phase for a few steps, and time them.

    Args:
        session: Of the stage.
        training: Of the stage.
        tail: A tail, which is compiled and trained: put its weights back.
        inputs: Gives its input.
        validation: The same for validation images, or None.
        rate: Any that the stage could have.
        first: Epochs of the stage before the phase.
    """

    def __init__(
        self,
        session: Session,
        training: TailTraining,
        tail: Any,
        inputs: Inputs,
        validation: Inputs | None,
        *,
        rate: Rate,
        first: int,
    ) -> None:
        self._session, self._training, self._tail = session, training, tail
        self._inputs, self._validation = inputs, validation
        self._rate, self._first = rate, first
        self._steps = training.feeds.steps
        self._held_out = self._batches(session.validation) if validation is not None else 0

    def cost(self, at_once: int, epochs: float, *, roughly: bool = False) -> TailCost:
        """Return what the tail takes.

        Args:
            at_once: Steps that training will take without coming back to Python.
            epochs: How many will be trained, in a search too.
            roughly: Whether a few steps are enough, so that nothing is compiled twice.
        """
        rough = self._roughly()
        if roughly or rough.will_do(epochs):
            return rough
        return replace(self._thoroughly(rough, at_once), thorough=True)

    def _thoroughly(self, rough: TailCost, at_once: int) -> TailCost:
        epoch = rough.training.seconds + rough.validation.seconds
        if 2 * epoch <= _ENOUGH_S:
            return self._exactly(rough, self._steps, self._held_out, at_once)
        whole = at_once * max(1, round(_ENOUGH_S / 3 / (rough.step.seconds * at_once)))
        if at_once > 1 and whole * rough.step.seconds <= _ENOUGH_S:
            held_out = min(self._held_out, whole)
            return self._exactly(rough, min(whole, self._steps), held_out, at_once)
        return rough

    def _roughly(self) -> TailCost:
        """Return it from a few steps, each on its own."""
        fresh, tested = (isinstance(x, Fresh) for x in (self._inputs, self._validation))
        steps = min(self._steps, _FEW + AHEAD * fresh)
        held_out = min(self._held_out, _FEW + AHEAD * tested)
        start, (epoch,) = self._run(steps, held_out, 1, epochs=1)
        step = _between(epoch.steps) or [epoch.steps[0] - start]
        test = _between(epoch.tests) or [x - epoch.test_begin[0] for x in epoch.tests[:1]]
        single = Duration.of(step)
        traced = max(0.0, epoch.steps[0] - start - single.seconds)
        tested_s = epoch.tests[0] - epoch.test_begin[0] - median(test) if epoch.tests else 0.0
        validation = Duration.of(test) * self._held_out if test else Duration()
        return TailCost(
            traced + max(0.0, tested_s), traced, single * self._steps, single, validation
        )

    def _exactly(self, rough: TailCost, steps: int, held_out: int, at_once: int) -> TailCost:
        """Return it from whole epochs, or from so many steps of them."""
        start, epochs = self._run(steps, held_out, at_once, epochs=3)
        first, *others = epochs
        trained = [each.trained for each in others]
        tested = [each.tested for each in others]
        share = self._held_out / held_out if held_out else 1
        tracing = max(0.0, first.steps[-1] - start - median(trained))
        return TailCost(
            tracing + max(0.0, first.tested - median(tested)),
            tracing,
            Duration.of(trained) * (self._steps / steps),
            rough.step,
            Duration.of(tested) * share,
        )

    def _run(
        self, steps: int, held_out: int, at_once: int, *, epochs: int
    ) -> tuple[float, list[_Epoch]]:
        """Train so many epochs of so many steps; return when that began, and their times."""
        session, training = self._session, self._training
        size = training.stage.batch_size
        few = Session(
            session.parts,
            _first(session.train, steps * size),
            _first(session.validation, held_out * size) if session.validation else None,
            session.store,
            session.settings,
            session.reporter,
            devices=session.devices,
        )
        self._warm(few)
        feeds = StageFeeds(few, training.stage, training.targets)
        short = TailTraining(few, training.stage, training.targets, feeds)
        clock = _Clock()
        start = time.perf_counter()
        training.compile(self._tail, self._rate, first=self._first, at_once=at_once)
        validation = self._validation if few.validation else None
        call = partial(told, [JudgedWeights()], clock, self._tail, None)
        short.fit(self._tail, self._inputs, validation, range(epochs), call)
        return start, clock.epochs

    def _warm(self, few: Session) -> None:
        """Decode what will be held in memory: that is told by itself."""
        for images, short in ((self._inputs, few.train), (self._validation, few.validation)):
            if isinstance(images, Fresh) and short is not None and images.images.pixels.in_memory:
                images.images.pixels[range(len(short))]

    def _batches(self, images: Images | None) -> int:
        return -(-len(images or ()) // self._training.stage.batch_size)


def _first(images: Images, count: int) -> Images:
    chosen = list(range(min(count, len(images))))
    return Images(images.dataset.subset(chosen), images.pixels.size)


def _between(ends: Sequence[float]) -> list[float]:
    """Return the times of the later steps, before which nothing was made ready in time."""
    steps = [b - a for a, b in itertools.pairwise(ends)]
    return steps[AHEAD:] or steps
