"""What one stage of the study gave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from published import Trial

import tlkit
from tlkit.evaluation.evaluation import Evaluation


@dataclass
class Outcome:
    """What one stage gave for one candidate.

    Args:
        stage: 1 to 5.
        trial: The candidate and its settings.
        seconds: Wall time, building and evaluating included.
        evaluation: On the validation images; None for stage 4.
        stages: tlkit's own account; empty for stage 4.
        model: File of the trained model; None for stage 4.
        curve: The learning-rate search of stage 4.
        preprocessing: What the images went through.
    """

    stage: int
    trial: Trial
    seconds: float
    evaluation: Evaluation | None = None
    stages: tuple[Any, ...] = ()
    model: Path | None = None
    curve: tlkit.LRCurve | None = None
    preprocessing: str = "auto"


def told(outcome: Outcome) -> str:
    """Return it in a few words."""
    if outcome.curve is not None:
        return f"learning rate {outcome.curve.suggestion:.2g} in {outcome.seconds:.0f} s"
    assert outcome.evaluation is not None
    return (
        f"weighted F1 {outcome.evaluation.weighted_f1:.4f}, accuracy "
        f"{outcome.evaluation.accuracy:.4f} in {outcome.seconds:.0f} s"
    )
