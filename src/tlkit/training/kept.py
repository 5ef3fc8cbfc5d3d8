"""Which stage's weights a training ends with: those of the last, or of the best.

The best has the largest weighted F1 on the validation images, by which `tlkit.evaluate` judges a
model first; of equal ones it is the last. Where a stage has none, with several labels or in a run
of before, it is the largest accuracy.
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
WEIGHTED_F1 = "weighted_f1"
_FIGURES = (f"val_{WEIGHTED_F1}", "val_accuracy")


def check_keep(keep: Keep, stages: Sequence[Stage]) -> None:
    """Raise where it is not said which stage's weights are kept.

    Raises:
        TrainingError: It is something else, or a stage has snapshots, which are of the last stage.
    """
    if keep not in KEEPS:
        raise TrainingError(
            f"keep={keep!r}, expected 'last' for the weights of the last stage, or 'best' for "
            "those of the stage with the largest weighted F1 on the validation images."
        )
    with_snapshots = [stage.name for stage in stages if stage.snapshots]
    if keep == "best" and with_snapshots:
        raise TrainingError(
            f"keep='best', and stage {with_snapshots[0]!r} has snapshots, which are of the last "
            "stage. Leave one of both out."
        )


def are_judged(stages: Sequence[Stage], keep: Keep) -> bool:
    """Return whether stages are compared, so that each needs the figure for it."""
    return keep == "best" and len(stages) > 1


def kept_stage(stages: Sequence[StageResult], keep: Keep) -> StageResult:
    """Return the stage whose weights are kept: of equally good ones, the last.

    Args:
        stages: What each stage did, in order.
        keep: ``"last"``, or ``"best"``, which is the last too where no figure of validation images
            is known.
    """
    figure = _figure(stages)
    if keep == "last" or figure is None:
        return stages[-1]
    return max(reversed(stages), key=lambda stage: stage.best(figure))


def kept_lines(stages: Sequence[StageResult], keep: Keep) -> Iterator[str]:
    """Yield a line on whose weights are kept, where there is a choice between stages."""
    figure = _figure(stages)
    if len(stages) < 2 or figure is None:
        return
    last, best, kept = stages[-1], kept_stage(stages, "best"), kept_stage(stages, keep)
    has = f"The model has the weights of {_scored(kept, figure)}"
    if best is last:
        line = f"{has}, the best of {len(stages)} stages on the validation images."
    elif kept is best:
        line = f"{has}, the best stage; the last, {_scored(last, figure)}, is worse."
    else:
        line = (
            f"{has}, the last stage, which is worse than {_scored(best, figure)}. "
            "StagedTrainer(keep='best') keeps the best."
        )
    second = max(x.best(figure) for x in stages if x is not best)
    error = _standard_error(best.best(figure), last.validation_images)
    if best.best(figure) - second < error:
        line += (
            f" By less than one standard error of {last.validation_images} validation images, "
            "which may be chance: more of them, or tlkit.cross_validate, tell."
        )
    yield line


def _standard_error(share: float, images: int) -> float:
    """Return that of a share; 0 where nobody knows of how many images it is."""
    return math.sqrt(max(share * (1 - share), 0.0) / images) if images else 0.0


def _figure(stages: Sequence[StageResult]) -> str | None:
    """Return the figure by which stages are compared; None where they cannot be."""
    known = (figure for figure in _FIGURES if all(stage.history.get(figure) for stage in stages))
    return next(known, None)


def _scored(stage: StageResult, figure: str) -> str:
    return f"{stage.name!r} ({figure} {stage.best(figure):.4f})"
