"""Running all stages of a training, those that are finished already left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tlkit.backbones.weights import load_file
from tlkit.errors import LossNotFiniteError, SelectorError
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training.kept import Keep, kept_lines, kept_stage
from tlkit.training.loop._conflicts import check_conflicts
from tlkit.training.loop._kept_sweep import KeptSweep
from tlkit.training.loop._probe_run import ProbeRun
from tlkit.training.loop._stage_run import StageRun
from tlkit.training.loop.session import Session
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.result import Snapshot, TrainingResult
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.run_dir.stage_files import StageFiles
from tlkit.training.stage import Stage
from tlkit.training.stage_result import StageResult


def run_stages(
    session: Session, stages: Sequence[Stage], keep: Keep, run: RunDirectory | None
) -> TrainingResult:
    """Train stage by stage and return what each did.

    Args:
        session: What the stages share.
        stages: In order.
        keep: Whether the model ends with the weights of the last or of the best stage.
        run: Where each is kept, and read where it is finished, and the model at the end; None to
            keep nothing.

    Raises:
        PolicyError, TrainingError: A stage, also the last, cannot be run.
        SelectorError, LossNotFiniteError: A search gives no rate, or a loss becomes none; the
            message says how to go on from what was trained before.
    """
    check_conflicts(session, stages)
    model = session.parts.model
    results: list[StageResult] = []
    best: list[np.ndarray] = []
    curves: dict[str, LRCurve] = {}
    snapshots: Mapping[int, Snapshot] = {}
    for number, stage in enumerate(stages, 1):
        files = run.stage(number, stage.name) if run else None
        result = files.finished() if files else None
        if files is not None and result is not None:
            load_file(model, files.weights)
            curve, snapshots = files.searched(stage.finder), files.snapshots()
        else:
            if run is not None and number > 1:
                run.stage(number - 1, stages[number - 2].name).close()
            running = _run_of(session, stage, files)
            try:
                result, curve = running.run(), running.curve
            except SelectorError as error:
                way_on = _way_on(stages[: number - 1], files, run)
                raise SelectorError(f"Stage {stage.name!r}: {error}{way_on}") from error
            except LossNotFiniteError as error:  # which names its stage
                way_on = _way_on(stages[: number - 1], files, run)
                raise LossNotFiniteError(f"{error}{way_on}") from error
            snapshots = running.snapshots_by_place()
            if files is not None:
                files.finish(session.model(), result, snapshots)
            session.reporter.line(str(result))
        results.append(result)
        if curve is not None:
            curves[stage.name] = curve
        if keep == "best" and kept_stage(results, keep) is result:
            best = model.get_weights()
    if kept_stage(results, keep) is not results[-1]:
        model.set_weights(best)
    for line in (*session.notes, *kept_lines(results, keep)):
        session.reporter.line(line)
    data = session.train.dataset
    told = (tuple(results), curves, snapshots, keep, data.depth, data.fit, session.task)
    trained = TrainingResult(session.model(), data.class_names, *told)
    if run is not None:
        run.save_model(trained.model, trained.contract)
    return trained


def _way_on(done: Sequence[Stage], files: StageFiles | None, run: RunDirectory | None) -> str:
    """Return how to go on where a stage ends without a result.

    Args:
        done: The stages before it.
        files: Of its own stage.
        run: Of the training.
    """
    if files is None or run is None:
        names = ", ".join(repr(stage.name) for stage in done)
        return f" What {names} trained is lost: give a run_dir to keep it." if done else ""
    curve = files.curve.is_file()
    told = f" tlkit.LRCurve.load({str(files.curve)!r}) shows the search." if curve else ""
    if not done:
        return told
    weights = run.stage(len(done), done[-1].name).weights
    return (
        f"{told} To go on from {done[-1].name!r} with other settings, pass start_from="
        f"{str(weights)!r} and a new run_dir, and leave out the stages that are done."
    )


def _run_of(session: Session, stage: Stage, files: StageFiles | None) -> StageRun | ProbeRun:
    if isinstance(stage, ProbeStage):
        return ProbeRun(session, stage)
    return StageRun(session, stage, files)


def search(
    session: Session, stage: Stage, finder: ExponentialLRFinder, sweep: KeptSweep | None = None
) -> LRCurve:
    """Search for a stage's learning rate, and train nothing.

    Args:
        session: Of the stage alone.
        stage: What the rate is for.
        finder: Which rates to try and how to choose.
        sweep: Keeps how far a search by epoch is, and what it measured; None keeps nothing.

    Raises:
        PolicyError, TrainingError: The stage cannot be run.
    """
    check_conflicts(session, (stage,))
    curve = StageRun(session, stage).search(finder, sweep)
    if sweep is not None and finder.unit == "epoch":
        sweep.finish(curve)
    return curve
