"""What a step brought: two evaluations on the same images, held against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlkit.errors import EvaluationError
from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.evaluating import AnyEvaluation


@dataclass(frozen=True)
class Gain:
    """A step whose worth a report is to show, with a paired interval.

    `tlkit.compare` looks at all pairs and corrects for their number; this is one question that was
    asked beforehand.

    Args:
        before: Name of the evaluation before the step.
        after: Name of the evaluation after it.
        question: What the step was to find out, such as "Did fine-tuning help?".

    Example:
        >>> from tlkit.reporting import Gain
        >>> Gain("head", "fine-tuned", "Did fine-tuning help?").after
        'fine-tuned'
    """

    before: str
    after: str
    question: str


@dataclass(frozen=True)
class GainRow:
    """A step with what it brought, in points of weighted F1."""

    gain: Gain
    points: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the interval lies on one side of nothing."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference can be claimed"


def check_gains(gains: Sequence[Gain], evaluations: Mapping[str, AnyEvaluation]) -> None:
    """Refuse a step that is none, or names an evaluation that is not there."""
    for gain in gains:
        if not isinstance(gain, Gain):
            raise EvaluationError(
                f"gains holds {gain!r}, expected steps such as "
                "tlkit.reporting.Gain('head', 'fine-tuned', 'Did fine-tuning help?')."
            )
        for name in (gain.before, gain.after):
            if name not in evaluations:
                raise EvaluationError(
                    f"gains names {name!r}, of which there is no evaluation; expected one of "
                    f"{', '.join(map(repr, evaluations)) or 'none: give evaluations=...'}."
                )


def gain_rows(gains: Sequence[Gain], evaluations: Mapping[str, AnyEvaluation]) -> list[GainRow]:
    """Return each step's gain in points of weighted F1, with its paired interval."""
    return [_measured(gain, evaluations) for gain in gains]


def _measured(gain: Gain, evaluations: Mapping[str, AnyEvaluation]) -> GainRow:
    pair_of = {"before": evaluations[gain.before], "after": evaluations[gain.after]}
    (pair,) = compare(pair_of).pairs
    sign = 1 if pair.better == "after" else -1
    low, high = sorted(100 * sign * end for end in pair.interval)
    return GainRow(gain, 100 * sign * pair.difference, low, high)
