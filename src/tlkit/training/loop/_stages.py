"""Running all stages of a training, those that are finished already left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tlkit.backbones.weights import load_file
from tlkit.learning_rate.curve import LRCurve
from tlkit.training.loop._conflicts import check_conflicts
from tlkit.training.loop.session import Session
from tlkit.training.loop.stage_run import StageRun
from tlkit.training.result import Snapshot, StageResult, TrainingResult
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.stage import Stage


def run_stages(
    session: Session, stages: Sequence[Stage], run: RunDirectory | None
) -> TrainingResult:
    """Train stage by stage and return what each did.

    Args:
        session: What the stages share.
        stages: In order.
        run: Where each is kept, and read where it is finished; None to keep nothing.

    Raises:
        PolicyError, TrainingError: A stage, also the last, cannot be run.
    """
    check_conflicts(session, stages)
    results: list[StageResult] = []
    curves: dict[str, LRCurve] = {}
    snapshots: Mapping[int, Snapshot] = {}
    for number, stage in enumerate(stages, 1):
        files = run.stage(number, stage.name) if run else None
        result = files.finished() if files else None
        if files is not None and result is not None:
            load_file(session.parts.model, files.weights)
            curve, snapshots = files.searched(stage.finder), files.snapshots()
        else:
            running = StageRun(session, stage, files)
            result, curve = running.run(), running.curve
            snapshots = running.snapshots_by_place()
            if files is not None:
                files.finish(session.parts.model, result, snapshots)
            session.reporter.line(str(result))
        results.append(result)
        if curve is not None:
            curves[stage.name] = curve
    names = session.train.dataset.class_names
    return TrainingResult(session.parts.model, names, tuple(results), curves, snapshots)
