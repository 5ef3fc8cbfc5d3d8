"""The plan of a training, made by the code that would run it, which leaves nothing behind."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tlkit._keras.devices import ONE_DEVICE, Devices
from tlkit._keras.random_states import global_generators_kept
from tlkit._progress import Reporter, Silent
from tlkit.backbones.weights import load_file
from tlkit.data.labelled_images import LabelledImages
from tlkit.features.settings import FrozenSettings
from tlkit.freezing.own_head import AnyHead
from tlkit.training._starting import Start
from tlkit.training.kept import Keep, are_judged
from tlkit.training.loop._conflicts import check_conflicts
from tlkit.training.loop.new_session import new_session
from tlkit.training.planning._costs import StageCosts
from tlkit.training.planning._disk import disk_needs, warnings_of
from tlkit.training.planning._looking import looking
from tlkit.training.planning._probe import rehearsal_of
from tlkit.training.planning._session import RehearsedSession
from tlkit.training.planning._store import RehearsalStore, rehearsal_store
from tlkit.training.planning.duration import once
from tlkit.training.planning.plan import TrainingPlan
from tlkit.training.planning.stage_plan import PlannedWork, StagePlan
from tlkit.training.planning.timings import PlanTimings
from tlkit.training.run_dir.longer import longer_stages
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.run_dir.run_settings import run_settings
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class _Opened:
    """What a training has before its first stage.

    Args:
        session: What its stages share.
        run: The run that goes on; None where one begins.
        longer: Numbers of the stages of that run that grow longer.
        start: What is done before the first stage.
    """

    session: RehearsedSession
    run: RunDirectory | None
    longer: Collection[int]
    start: tuple[PlannedWork, ...]


@dataclass(frozen=True)
class Planner:
    """Make the plan of a training.

    Args:
        settings: Of frozen work.
        head: Of the model.
        stages: In order.
        keep: Which stage's weights the model ends with.
        start_from: File of the weights to begin with, or None.
        run_dir: The run directory, or None.
        start: What ``start_from`` holds, or None.
        reporter: Shows how far the plan is.
        devices: That the training is spread over.
        timings: What plans before have timed, and this one adds to; None for one plan alone.
    """

    settings: FrozenSettings
    head: AnyHead
    stages: Sequence[Stage]
    keep: Keep
    start_from: Path | None
    run_dir: Path | None
    start: Start | None
    reporter: Reporter
    devices: Devices = ONE_DEVICE
    timings: PlanTimings | None = None

    def plan(
        self, train: LabelledImages, validation: LabelledImages | None, *, resume: bool
    ) -> TrainingPlan:
        """Return the plan.

        Args:
            train: Training images.
            validation: Those for validation, with the same classes, or None.
            resume: Whether the run in ``run_dir`` goes on.

        Raises:
            TlkitError: As ``fit`` would raise it before it begins.
        """
        with self._opened(train, validation, resume=resume) as opened:
            session = opened.session
            check_conflicts(session, self.stages)
            with TemporaryDirectory(prefix="tlkit-plan-") as folder:
                scratch = None if self.run_dir is None else Path(folder)
                stages = tuple(self._stages(opened, scratch))
                end = tuple(self._end(session, stages, scratch))
            return self._told(session, opened.start, stages, end)

    @contextmanager
    def costs(
        self, train: LabelledImages, validation: LabelledImages | None
    ) -> Iterator[StageCosts]:
        """Give what plans stages, one after the other, before it is known which will be run.

        Unlike a plan it leaves exports of trunks, and which engine is the fastest, in the store: a
        training that follows at once would find them out again.

        Args:
            train: Training images.
            validation: Those for validation, with the same classes, or None.

        Raises:
            TlkitError: As for `plan`.
        """
        with (
            self._opened(train, validation, resume=False, for_costs=True) as opened,
            TemporaryDirectory(prefix="tlkit-plan-") as folder,
        ):
            scratch = None if self.run_dir is None else Path(folder)
            yield StageCosts(opened.session, opened.start, scratch)

    @contextmanager
    def _opened(
        self,
        train: LabelledImages,
        validation: LabelledImages | None,
        *,
        resume: bool,
        for_costs: bool = False,
    ) -> Iterator[_Opened]:
        """Give what a training has before its first stage."""
        with rehearsal_store(self.settings.cache) as store, _random_states_kept():
            looked = looking(store, train, validation)
            run, longer = self._earlier(train, validation, resume=resume)
            begun = time.perf_counter()
            session = self._session(store, run, train, validation, roughly=for_costs)
            built = once(time.perf_counter() - begun)
            work = PlannedWork("start", "build the network", 1, "", built)
            yield _Opened(session, run, longer, (*looked, work))
            if for_costs:
                store.leave_exports()

    def _session(
        self,
        store: RehearsalStore,
        run: RunDirectory | None,
        train: LabelledImages,
        validation: LabelledImages | None,
        *,
        roughly: bool,
    ) -> RehearsedSession:
        engines = run.engines().unwritten() if run else None
        given = (self.settings, self.head, self.start, store, (train, validation), Silent())
        session = new_session(
            *given,
            engines=engines,
            devices=self.devices,
            judged=are_judged(self.stages, self.keep),
        )
        return RehearsedSession.of(
            session,
            roughly=roughly,
            timings=PlanTimings() if self.timings is None else self.timings,
            followed=self.timings is not None,
        )

    def _earlier(
        self, train: LabelledImages, validation: LabelledImages | None, *, resume: bool
    ) -> tuple[RunDirectory | None, tuple[int, ...]]:
        """Return the run that would go on, None where one begins, and which stages grow longer.

        Raises:
            RunDirectoryError: There is a run that would not, or of other settings.
        """
        run = None if self.run_dir is None else RunDirectory(self.run_dir)
        if run is None or run.settings() is None:
            return None, ()
        asked = (self.settings, self.head, self.stages, self.keep, self.start_from)
        settings = run_settings(*asked, train, validation)
        longer = longer_stages(run, settings, self.stages) if resume else ()
        if not longer:
            run.open(settings, resume=resume)
        return run, longer

    def _stages(self, opened: _Opened, scratch: Path | None) -> Iterator[StagePlan]:
        session, run, longer = opened.session, opened.run, opened.longer
        for number, stage in enumerate(self.stages, 1):
            self.reporter.step("planning", number - 1, len(self.stages), stage.name)
            files = run.stage(number, stage.name) if run else None
            result = files.finished() if files and number not in longer else None
            if files is not None and result is not None:
                load_file(session.parts.model, files.weights)
                yield StagePlan.finished(stage.name, result)
            else:
                yield rehearsal_of(session, stage, files, scratch).plan()
        self.reporter.step("planning", len(self.stages), len(self.stages))

    def _end(
        self, session: RehearsedSession, stages: Sequence[StagePlan], scratch: Path | None
    ) -> Iterator[PlannedWork]:
        """Yield the writing of weights, which every stage does once it is finished."""
        writes = sum(stage.epochs > 0 for stage in stages) + 1
        if scratch is None or writes == 1:
            return
        begun = time.perf_counter()
        session.parts.model.save_weights(scratch / "all.weights.h5")
        each = once(time.perf_counter() - begun)
        yield PlannedWork("end", "write weights and the model", writes, "files", each * writes)

    def _told(
        self,
        session: RehearsedSession,
        start: tuple[PlannedWork, ...],
        stages: tuple[StagePlan, ...],
        end: tuple[PlannedWork, ...],
    ) -> TrainingPlan:
        size = sum(int(np.prod(w.shape)) * 4 for w in session.parts.model.weights)
        disk = tuple(disk_needs(self.settings.cache, self.run_dir, stages, size))
        memory = max(stage.memory_bytes for stage in stages) + session.decoded_bytes
        return TrainingPlan(
            train=len(session.train),
            validation=len(session.validation or ()),
            start=start,
            stages=stages,
            end=end,
            disk=disk,
            memory=memory,
            warnings=tuple(warnings_of(disk)),
        )


@contextmanager
def _random_states_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with global_generators_kept():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
