"""Which stage's weights a training ends with: those of the last, or of the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from tlkit.errors import TrainingError
from tlkit.training.stage import Stage
from tlkit.training.stage_result import StageResult

Keep = Literal["last", "best"]
KEEPS: tuple[Keep, ...] = ("last", "best")
# By what stages are compared. A loss is none of it: stages may smooth labels differently.
_FIGURE = "val_accuracy"


def check_keep(keep: Keep, stages: Sequence[Stage]) -> None:
    """Raise where it is not said which stage's weights are kept.

    Raises:
        TrainingError: It is something else, or a stage has snapshots, which are of the last stage.
    """
    if keep not in KEEPS:
        raise TrainingError(
            f"keep={keep!r}, expected 'last' for the weights of the last stage, or 'best' for "
            "those of the stage with the largest accuracy on the validation images."
        )
    with_snapshots = [stage.name for stage in stages if stage.snapshots]
    if keep == "best" and with_snapshots:
        raise TrainingError(
            f"keep='best', and stage {with_snapshots[0]!r} has snapshots, which are of the last "
            "stage. Leave one of both out."
        )


def kept_stage(stages: Sequence[StageResult], keep: Keep) -> StageResult:
    """Return the stage whose weights are kept: of equally good ones, the last.

    Args:
        stages: What each stage did, in order.
        keep: ``"last"``, or ``"best"``, which is the last too where no accuracy on validation
            images is known.
    """
    if keep == "last" or not _comparable(stages):
        return stages[-1]
    return max(reversed(stages), key=lambda stage: stage.best(_FIGURE))


def kept_lines(stages: Sequence[StageResult], keep: Keep) -> Iterator[str]:
    """Yield a line on whose weights are kept, where there is a choice between stages."""
    if len(stages) < 2 or not _comparable(stages):
        return
    last, best, kept = stages[-1], kept_stage(stages, "best"), kept_stage(stages, keep)
    has = f"The model has the weights of {_scored(kept)}"
    if best is last:
        yield f"{has}, the best of {len(stages)} stages on the validation images."
    elif kept is best:
        yield f"{has}, the best stage; the last, {_scored(last)}, is worse."
    else:
        yield (
            f"{has}, the last stage, which is worse than {_scored(best)}. "
            "StagedTrainer(keep='best') keeps the best."
        )


def _comparable(stages: Sequence[StageResult]) -> bool:
    return all(stage.history.get(_FIGURE) for stage in stages)


def _scored(stage: StageResult) -> str:
    return f"{stage.name!r} ({_FIGURE} {stage.best(_FIGURE):.4f})"
