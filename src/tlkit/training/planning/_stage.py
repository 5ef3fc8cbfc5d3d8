"""The plan of one stage, made by the code that runs it."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tlkit._keras.types import Layer
from tlkit.features.store.rows import IN_MEMORY
from tlkit.freezing.phase import Phase
from tlkit.learning_rate.rate import Rate
from tlkit.training.feeding.feed import Inputs
from tlkit.training.feeding.inputs import Fresh, FreshFeatures
from tlkit.training.loop._stage_run import StageRun
from tlkit.training.planning._phase_cost import PhaseCost
from tlkit.training.planning._session import Asked, RehearsedSession
from tlkit.training.planning._tail_cost import TailCost, TailTimer
from tlkit.training.planning._trunk_cost import ImageCost
from tlkit.training.planning._work import Rehearsed, epoch_time, stage_work
from tlkit.training.planning.duration import Duration, once
from tlkit.training.planning.stage_plan import StagePlan
from tlkit.training.planning.timings import Through, kinds_of, size_of
from tlkit.training.run_dir.checkpoint import Progress, values, write_checkpoint
from tlkit.training.run_dir.stage_files import StageFiles
from tlkit.training.stage import Stage

# Phases of a stage that are measured: the first, the last, and one between them.
_MEASURED = 3
# Settings of a stage that change no step of it, where the layers that it trains are the same.
_TAKES_NO_TIME = ("name", "epochs", "learning_rate", "snapshots", "keep_best", "policy")


class StageRehearsal(StageRun):
    """A stage that is prepared as it would be run, timed for a few steps, and not trained.

    Args:
        session: Of the plan.
        stage: The settings.
        files: Of a run that goes on, which are read; or None.
        scratch: A folder to write a checkpoint to, to see how long that takes; None where the
            training keeps none.
    """

    def __init__(
        self,
        session: RehearsedSession,
        stage: Stage,
        files: StageFiles | None,
        scratch: Path | None,
    ) -> None:
        super().__init__(session, stage, files)
        self._rehearsal, self._scratch = session, scratch
        self._checkpoint_bytes = 0
        self._engine = "keras"

    @property
    def _steps(self) -> int:
        """Training steps of an epoch."""
        return self._feeds.steps

    def plan(self) -> StagePlan:
        """Return what the stage will do; the layers that it trains end with other weights."""
        self._begin()
        found = self.curve is not None or self._progress.learning_rate is not None
        self._searches = self._stage.finder is not None and not found
        begun = self._progress.epoch
        left = [x for x in self._phases if self._runs(x[0], x[1], begun)]
        measured = {round(x) for x in np.linspace(0, len(left) - 1, min(_MEASURED, len(left)))}
        phases = []
        for number, (first, end, chosen) in enumerate(left):
            epochs = 0 if self._progress.stopped else end - max(first, begun)
            phases.append(self._rehearsed(first, end, epochs, chosen, timed=number in measured))
        return self._told(phases)

    def _rehearsed(
        self, first: int, end: int, epochs: int, chosen: Collection[Layer], *, timed: bool
    ) -> Rehearsed:
        session, asked_before = self._rehearsal, len(self._rehearsal.asked)
        phase, spent_before = session.prepare(chosen, self._stage), session.spent
        session.assumed.engine = "" if timed else self._engine
        inputs, validation = self._prepare_inputs(phase, first, end)
        asked, choosing = session.asked[asked_before:], session.spent - spent_before
        trunk = session.trunk(phase)
        if trunk is not None:
            what = (self._stage.name, "train", trunk.fingerprint[:32])
            self._engine = session.engines.get(*what) or self._engine
        fresh = [x.images for x in (inputs, validation) if isinstance(x, Fresh)]
        decoded = session.to_decode(asked), sum(session.more(x, len(x)) for x in fresh)
        searched, cost, weights = 0, None, session.parts.model.get_weights()
        if timed and epochs:
            cost = self._measured(phase, (inputs, validation), (first, epochs), asked, choosing)
            searched = self._searched(phase)
        session.parts.model.set_weights(weights)
        _disturb(phase)
        anew = self._engine if trunk is not None and isinstance(inputs, Fresh) else ""
        cut = phase.cut.name if phase.cut else ""
        floats = 0 if trunk is None else trunk.floats
        return Rehearsed(epochs, asked, anew, cut, floats, decoded, searched, cost)

    def _searched(self, phase: Phase) -> int:
        """Return the steps of the search before the first phase; the tail is compiled."""
        finder = self._stage.finder
        if finder is None or not self._searches:
            return 0
        self._searches = False
        return self._training.search_steps(phase.tail, finder)

    def _measured(
        self,
        phase: Phase,
        inputs: tuple[Inputs, Inputs | None],
        span: tuple[int, int],
        asked: Sequence[Asked],
        choosing: float,
    ) -> PhaseCost:
        rate, finder = Rate.of(self._stage.learning_rate), self._stage.finder
        rate = rate if finder is None else rate.with_found(finder.min_lr)
        first, epochs = span
        timer = TailTimer(
            self._rehearsal, self._training, phase.tail, *inputs, rate=rate, first=first
        )
        searched = finder.steps if finder is not None and self._searches else 0
        # A search in epochs is trained as they are.
        passes = max(self._stage.epochs, searched * (finder is not None and finder.unit == "epoch"))
        at_once = self._feeds.steps_at_once(inputs[0], passes, self._callbacks)
        tail = self._timed(phase, timer, inputs[0], (first, at_once, epochs + searched))
        if not phase.tail.compiled:
            self._training.compile(phase.tail, rate, first=first, at_once=at_once)
        return PhaseCost(once(choosing), self._image(asked), tail, self._keeping(phase))

    def _timed(
        self, phase: Phase, timer: TailTimer, inputs: Inputs, span: tuple[int, int, int]
    ) -> TailCost:
        """Return what a tail takes; one like it that was timed before takes as long again."""
        session, (first, at_once, epochs) = self._rehearsal, span
        through = Through()
        if isinstance(inputs, FreshFeatures):
            trunk = session.trunk(phase)
            assert trunk is not None
            through = session.through(trunk, inputs.images)
        return session.timings.tail(
            (*self._like(phase, inputs), first, at_once),
            through,
            self._stage.batch_size,
            size_of(phase.tail),
            lambda known: session.roughly or known.will_do(epochs),
            lambda: timer.cost(at_once, epochs, roughly=session.roughly),
        )

    def _like(self, phase: Phase, inputs: Inputs) -> tuple[Any, ...]:
        """Return all that the time of a step depends on, but for the trunk."""
        fresh, session = isinstance(inputs, Fresh), self._rehearsal
        without = _TAKES_NO_TIME if fresh else (*_TAKES_NO_TIME, "augmentation", "views")
        names = [part.name for part in fields(self._stage) if part.name not in without]
        images = (session.train.pixels.size if fresh else None, len(session.train))
        counts = (*images, len(session.validation or ()), session.devices.names)
        return fresh, kinds_of(phase.tail), counts, *(getattr(self._stage, x) for x in names)

    def _image(self, asked: Sequence[Asked]) -> ImageCost | None:
        """Return what an image through the trunk takes; None where none goes through it."""
        most = max(asked, key=lambda x: x.missing, default=None)
        if most is None or not most.missing:
            return None
        return self._rehearsal.image(most)

    def _keeping(self, phase: Phase) -> Duration:
        """Return how long the end of an epoch takes; as long as another of as many bytes."""
        start, known = time.perf_counter(), self._rehearsal.keeping
        groups = {"state": values(self._state), "best": []}
        if self._scratch is not None:
            groups["optimizer"] = values(phase.tail.optimizer.variables)
            groups["best"] = values(self._weights)
        size = sum(array.nbytes for group in groups.values() for array in group)
        if self._scratch is not None:
            self._checkpoint_bytes = max(self._checkpoint_bytes, size)
        if size not in known:
            if self._scratch is not None:
                write_checkpoint(self._scratch / "checkpoint.npz", Progress(), groups)
            known[size] = once(time.perf_counter() - start)
        return known[size]

    def _told(self, phases: Sequence[Rehearsed]) -> StagePlan:
        stage, session = self._stage, self._rehearsal
        asked = [one for phase in phases for one in phase.asked]
        epochs = sum(phase.epochs for phase in phases)
        searched = sum(phase.searched for phase in phases)
        trained = self._progress.epoch + epochs
        kept = [sum(x.count * x.trunk.bytes for x in phase.asked) for phase in phases]
        snapshots = 1 + len(stage.snapshots)
        epoch, validation = epoch_time(phases) if epochs else (Duration(), Duration())
        return StagePlan(
            name=stage.name,
            epochs=epochs,
            epochs_done=self._progress.epoch,
            may_end_early=bool(stage.callbacks),
            phases=len(phases),
            steps=epochs * self._steps,
            evaluations=epochs if session.validation is not None else 0,
            search_rates=stage.finder.steps if stage.finder and searched else 0,
            search_steps=searched,
            views=stage.views,
            frozen=session.engines.work(stage.name, session.count, trained),
            read=sum(x.count - x.missing for x in asked),
            feature_bytes=sum(x.missing * x.trunk.bytes for x in asked),
            checkpoint_bytes=self._checkpoint_bytes * snapshots,
            memory_bytes=max((min(size, IN_MEMORY) for size in kept), default=0),
            work=tuple(stage_work(stage, phases, self._feeds.steps, session)) if epochs else (),
            epoch=epoch,
            validation=validation,
            floats=max((phase.floats for phase in phases), default=0),
        )


def _disturb(phase: Phase) -> None:
    """Change the weights of what is trained: a trunk that holds it later will be another one."""
    for layer in phase.live:
        for weight in layer.weights:
            array = np.asarray(weight)
            if np.issubdtype(array.dtype, np.floating):
                weight.assign(array * (1 + 2**-7))
