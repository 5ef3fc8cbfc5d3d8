"""Which stage's weights a training ends with: those of the last, or of the best.

Accuracies on a few validation images differ by chance. So the best is the last stage that is within
one standard error of the largest accuracy, ``sqrt(p (1 - p) / n)``: a later stage is given up where
an earlier one is clearly better. It is the one-standard-error rule of Breiman, Friedman, Olshen and
Stone, Classification and Regression Trees, 1984, section 3.4.3.
"""

from __future__ import annotations

import math
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
            "those of the last stage that no other is clearly better than on the validation images."
        )
    with_snapshots = [stage.name for stage in stages if stage.snapshots]
    if keep == "best" and with_snapshots:
        raise TrainingError(
            f"keep='best', and stage {with_snapshots[0]!r} has snapshots, which are of the last "
            "stage. Leave one of both out."
        )


def kept_stage(stages: Sequence[StageResult], keep: Keep) -> StageResult:
    """Return the stage whose weights are kept: of about equally good ones, the last.

    Args:
        stages: What each stage did, in order.
        keep: ``"last"``, or ``"best"``, which is the last too where no accuracy on validation
            images is known.
    """
    if keep == "last" or not _comparable(stages):
        return stages[-1]
    least = _largest(stages).best(_FIGURE) - _standard_error(stages)
    return next(stage for stage in reversed(stages) if stage.best(_FIGURE) >= least)


def kept_lines(stages: Sequence[StageResult], keep: Keep) -> Iterator[str]:
    """Yield a line on whose weights are kept, where there is a choice between stages."""
    if len(stages) < 2 or not _comparable(stages):
        return
    last, best, kept = stages[-1], kept_stage(stages, "best"), kept_stage(stages, keep)
    has, largest = f"The model has the weights of {_scored(kept)}", _largest(stages)
    if kept is best is not largest:
        yield (
            f"{has}; {_scored(largest)} is larger by less than one standard error of "
            f"{last.validation_images} validation images, which may be chance. More of them, or "
            "tlkit.cross_validate, tell."
        )
    elif best is last:
        yield f"{has}, the best of {len(stages)} stages on the validation images."
    elif kept is best:
        yield f"{has}, the best stage; the last, {_scored(last)}, is worse."
    else:
        yield (
            f"{has}, the last stage, which is worse than {_scored(best)}. "
            "StagedTrainer(keep='best') keeps the best."
        )


def _largest(stages: Sequence[StageResult]) -> StageResult:
    """Return the stage of the largest accuracy; of equal ones, the last."""
    return max(reversed(stages), key=lambda stage: stage.best(_FIGURE))


def _standard_error(stages: Sequence[StageResult]) -> float:
    """Return that of the largest accuracy; 0 where nobody knows of how many images it is."""
    share, images = _largest(stages).best(_FIGURE), stages[-1].validation_images
    return math.sqrt(max(share * (1 - share), 0.0) / images) if images else 0.0


def _comparable(stages: Sequence[StageResult]) -> bool:
    return all(stage.history.get(_FIGURE) for stage in stages)


def _scored(stage: StageResult) -> str:
    return f"{stage.name!r} ({_FIGURE} {stage.best(_FIGURE):.4f})"
