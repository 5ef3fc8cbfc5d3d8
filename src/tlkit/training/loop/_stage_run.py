"""Running one stage: phases, search, training, checkpoints, the best weights kept."""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial

import numpy as np

from tlkit._keras.random_states import global_generators_kept
from tlkit._keras.types import Layer
from tlkit.features.precision.check import PrecisionCheck
from tlkit.freezing.phase import Phase, check_frozen, frozen_digests, selections
from tlkit.freezing.whole_model import seed_noise
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.rate import Rate
from tlkit.training._figures import figure_of
from tlkit.training.feeding.feed import Inputs
from tlkit.training.feeding.inputs import Change
from tlkit.training.feeding.mixing import Mixing
from tlkit.training.feeding.targets import Targets
from tlkit.training.loop._as_saved import held_out_as_saved
from tlkit.training.loop._global_noise import global_noise
from tlkit.training.loop._judged_weights import JudgedWeights
from tlkit.training.loop._kept_sweep import KeptSweep
from tlkit.training.loop._live import completed, known_layers, live_layers, missed_phases
from tlkit.training.loop._reports import show_epoch, step_reports
from tlkit.training.loop._seen_model import end_training, told
from tlkit.training.loop._stage_feeds import StageFeeds
from tlkit.training.loop._tail_training import TailTraining
from tlkit.training.loop.callbacks import EpochKeeper, appended_logs, restored_epoch, snapshot_group
from tlkit.training.loop.session import PhaseWork, Session
from tlkit.training.run_dir.checkpoint import Progress, assign, read_checkpoint, values
from tlkit.training.run_dir.stage_files import StageFiles
from tlkit.training.stage import Stage
from tlkit.training.stage_result import StageResult


class StageRun:
    """One stage of one training.

    Args:
        session: What the stages share.
        stage: The settings.
        files: Where checkpoints are written, and read where there are any; or None.
    """

    def __init__(self, session: Session, stage: Stage, files: StageFiles | None = None) -> None:
        self._session, self._stage, self._files = session, stage, files
        self._phases = selections(stage.policy, session.parts, stage.epochs)
        self._live = live_layers(session.parts, self._phases)
        self._weights = [w for layer in self._live for w in layer.weights]
        self._state = [v for layer in self._live for v in layer.variables]
        self._progress = Progress()
        self._best: list[np.ndarray] = []
        self.snapshots: dict[int, list[np.ndarray]] = {}
        self._saved: dict[str, list[np.ndarray]] = {}
        self._targets = Targets.of(stage, session.train.dataset, session.task)
        self._feeds = StageFeeds(session, stage, self._targets)
        self._training = TailTraining(session, stage, self._targets, self._feeds)
        self._mixing = Mixing.of(stage, self._targets.classes, session.seed)
        self._judged = JudgedWeights()
        self._callbacks = [self._judged, *stage.callbacks]
        self._timings = {"features": 0.0, "search": 0.0, "training": 0.0}
        self._notes = [*session.notes]
        self._precision: PrecisionCheck | None = None
        self.curve: LRCurve | None = None
        self._sweep = KeptSweep(files.sweep) if files else None

    def run(self) -> StageResult:
        """Train the stage and return what it did; the model ends with the kept weights."""
        self._begin()
        begun = self._progress.epoch
        for first, end, chosen in self._phases:
            if self._runs(first, end, begun):
                phase = self._run_phase(first, end, chosen)
        self._notes += missed_phases(self._phases, self._progress.epoch)
        if self._watched is None:
            self._progress.best_epoch = restored_epoch(self._callbacks, self._progress.best_epoch)
        else:
            assign(self._weights, self._best)
        self._complete_snapshots()
        return self._result(phase, self._as_saved(phase))

    def _as_saved(self, phase: Phase) -> dict[str, float]:
        """Return figures of the validation images at float32; empty where they are those known."""
        start = time.perf_counter()
        phase.low_rank.take_over()
        inputs = held_out_as_saved(self._session, self._stage.name, self._session.trunk(phase))
        figures = self._training.evaluated(phase.tail, inputs)
        self._timings["training"] += time.perf_counter() - start
        return figures

    def _complete_snapshots(self) -> None:
        """Let snapshots that an early end did not come to be what the stage ended with."""
        for epochs in self._stage.snapshots:
            if epochs not in self.snapshots:
                self.snapshots[epochs] = values(self._weights)
                self._progress.ends[epochs] = self._progress.best_epoch

    def snapshots_by_place(self) -> dict[int, dict[int, np.ndarray]]:
        """Return the snapshots' arrays by the place of their weight among the model's."""
        among = {id(w): place for place, w in enumerate(self._session.parts.model.weights)}
        places = [among[id(weight)] for weight in self._weights]
        return {n: dict(zip(places, kept, strict=True)) for n, kept in self.snapshots.items()}

    @property
    def _watched(self) -> str | None:
        """The figure that `keep_best` can watch."""
        watched, without = figure_of(self._stage.keep_best), self._session.validation is None
        return None if watched and watched.startswith("val_") and without else watched

    def _begin(self) -> None:
        if self._files is not None:
            self.curve = self._files.searched(self._stage.finder)
        self._training.begin(self._live)
        if self._files is None or not self._files.checkpoint.is_file():
            seed_noise(self._live, self._session.seed, self._stage.name)
            return
        self._progress, self._saved = read_checkpoint(self._files.checkpoint)
        known = known_layers(self._session.parts, self._phases, self._saved["state"])
        new = [layer for layer in self._live if layer not in known]
        seed_noise(new, self._session.seed, self._stage.name)
        assign([v for layer in known for v in layer.variables], self._saved["state"])
        whole = partial(completed, self._weights, [w for layer in known for w in layer.weights])
        self._best, ends = whole(self._saved["best"]), self._progress.ends
        self.snapshots |= {n: whole(self._saved[snapshot_group(n)]) for n in ends}
        self._notes.append(f"resumed after epoch {self._progress.epoch}")

    def search(self, finder: ExponentialLRFinder, sweep: KeptSweep | None) -> LRCurve:
        """Return the curve of a search on the first phase; the model is left as it was."""
        self._sweep = sweep
        self._begin()
        first, end, chosen = self._phases[0]
        phase = self._session.prepare(chosen, self._stage)
        inputs, _ = self._prepare_inputs(phase, first, end)
        return self._search(phase, inputs, finder)

    def _runs(self, first: int, end: int, begun: int) -> bool:
        # A phase whose epochs are all done may still lack the end of its training.
        return first < begun <= end or not self._done(end)

    def _done(self, end: int) -> bool:
        return self._progress.epoch >= end or self._progress.stopped

    def _run_phase(self, first: int, end: int, chosen: Collection[Layer]) -> Phase:
        phase = self._session.prepare(chosen, self._stage)
        self._judged.follow(phase.low_rank)
        before = frozen_digests(phase)
        inputs, validation = self._prepare_inputs(phase, first, end)
        at_once = self._feeds.steps_at_once(inputs, self._stage.epochs, self._callbacks)
        rate = self._rate(phase, inputs)
        self._training.compile(phase.tail, rate, first=first, at_once=at_once)
        saved = self._saved if self._progress.epoch > first else {}
        if saved:
            assign(phase.tail.optimizer.variables, saved["optimizer"])
        seen, steps = self._training.seen(phase.tail), self._feeds.steps
        shown = step_reports(self._session.reporter, self._stage, steps=steps, at_once=at_once)
        listed = [*global_noise(self._session.seed, self._stage.name), *self._callbacks, *shown]
        call = partial(told, listed, self._keeper(saved), phase.tail, seen)
        start = time.perf_counter()
        begun = self._progress.epoch > 0
        with appended_logs(self._callbacks, begun=begun), global_generators_kept():
            if self._done(end):
                end_training(call())
            else:
                span = range(self._progress.epoch, end)
                self._training.fit(phase.tail, inputs, validation, span, call)
        self._timings["training"] += time.perf_counter() - start
        check_frozen(phase, before)
        phase.low_rank.hand_back()  # a callback may have put other weights into the tail
        return phase

    def _prepare_inputs(self, phase: Phase, first: int, end: int) -> tuple[Inputs, Inputs | None]:
        session, stage, start = self._session, self._stage, time.perf_counter()
        change = Change(stage.transform, self._mixing, stage.views)
        inputs = min(stage.epochs, change.inputs or stage.epochs)
        ahead = len(session.train) * inputs + len(session.validation or ())
        work = PhaseWork(stage.name, first, end, session.trunk(phase), ahead)
        train = session.inputs(work, session.train, change)
        images = session.validation
        held_out = None if images is None else session.inputs(work, images, Change())
        self._timings["features"] += time.perf_counter() - start
        self._precision = train.check
        notes = [phase.note, *train.notes, *(held_out.notes if held_out else ())]
        self._notes += [x for x in dict.fromkeys(notes) if x and x not in self._notes]
        return train.inputs, held_out.inputs if held_out else None

    def _rate(self, phase: Phase, inputs: Inputs) -> Rate:
        finder = self._stage.finder
        if finder is not None and self._progress.learning_rate is None:
            if self.curve is None:
                self.curve = self._search(phase, inputs, finder)
            self._progress.learning_rate = self.curve.suggestion
        return self._chosen

    @property
    def _chosen(self) -> Rate:
        rate, found = Rate.of(self._stage.learning_rate), self._progress.learning_rate
        return rate if found is None else rate.with_found(found)

    def _search(self, phase: Phase, inputs: Inputs, finder: ExponentialLRFinder) -> LRCurve:
        start = time.perf_counter()
        epochs = finder.steps if finder.unit == "epoch" else 1
        at_once = self._feeds.steps_at_once(inputs, epochs, self._callbacks)
        curve = self._training.search(phase.tail, inputs, finder, at_once, self._sweep)
        self._timings["search"] += time.perf_counter() - start
        if self._files is not None:  # before it is asked: without an answer it took as long
            self._files.keep_curve(curve)
        return curve

    def _keeper(self, saved: dict[str, list[np.ndarray]]) -> EpochKeeper:
        return EpochKeeper(
            stage=self._stage.name,
            keep_best=self._watched,
            larger=self._stage.larger_is_better,
            progress=self._progress,
            others=self._callbacks,
            saved=saved,
            weights=self._weights,
            state=self._state,
            best=self._best,
            snapshots=self.snapshots,
            wanted=self._stage.snapshots,
            file=self._files.checkpoint if self._files else None,
            show=partial(show_epoch, self._session.reporter, self._stage),
        )

    def _result(self, phase: Phase, as_saved: dict[str, float]) -> StageResult:
        self._timings["training"] = max(self._timings["training"], self._progress.seconds)
        asked = self._stage.name, self._session.count, self._progress.epoch
        return StageResult(
            name=self._stage.name,
            history=self._progress.history,
            best_epoch=self._progress.best_epoch,
            learning_rate=self._chosen.described(),
            trained_layers=tuple(x.name for x in phase.live if x.trainable_weights),
            trained_parameters=sum(int(np.prod(v.shape)) for v in phase.tail.trainable_variables),
            cut=phase.cut.name if phase.cut else None,
            timings={name: round(seconds, 3) for name, seconds in self._timings.items()},
            notes=tuple(self._notes),
            ends=self._progress.ends,
            frozen=self._session.engines.work(*asked),
            validation_images=len(self._session.validation or ()),
            precision=self._precision,
            as_saved=as_saved,
        )
