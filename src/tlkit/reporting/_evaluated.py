"""Figures of an evaluation as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlkit.errors import EvaluationError
from tlkit.evaluation.comparing.models import Comparison, compare
from tlkit.evaluation.metrics.class_intervals import f1_intervals

if TYPE_CHECKING:
    from tlkit.evaluation.evaluation import Evaluation

# The first ones stand in the page's head too.
_SCORES = ("weighted_f1", "accuracy", "macro_f1", "balanced_accuracy", "cohen_kappa")
_LOSSES = ("log_loss", "brier_score")
_COMPARED = 10  # models; more would need too many resamples for all their pairs
_CLASSES = 300  # rows of a table that a browser sorts at once
_CONFUSIONS = 12


@dataclass(frozen=True)
class Score:
    """A score with its interval, beside what always answering the most frequent class gives."""

    name: str
    value: float
    low: float
    high: float
    plain: float

    @property
    def words(self) -> str:
        """The name for people."""
        words = self.name.replace("_", " ").replace("f1", "F1").replace("top ", "in the top ")
        return words.replace("cohen kappa", "Cohen's kappa").replace("brier", "Brier")

    @property
    def is_share(self) -> bool:
        """Whether it can be drawn as a bar of 0..1."""
        return self.name not in _LOSSES and 0 <= self.low <= self.high


@dataclass(frozen=True)
class Gain:
    """What a step brought: two evaluations on the same images."""

    question: str
    before: str
    after: str
    points: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the interval lies on one side of nothing."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference can be claimed"


def score_rows(found: Evaluation) -> list[Score]:
    """The scores that have intervals: shares first, then losses."""
    plain, most = found.baseline(), min(3, len(found.class_names) - 1)
    names = (*_SCORES, *([f"top_{most}"] if most > 1 else []), *_LOSSES)
    return [
        Score(name, found.score(name), *found.interval(name), plain.score(name)) for name in names
    ]


def class_rows(found: Evaluation, benchmark: float | None) -> tuple[list[dict[str, Any]], int]:
    """Each class with the interval of its F1, weakest first, and how many are left out."""
    ends = f1_intervals(found).tolist()
    rows = [
        {
            "name": row.name,
            "f1": row.f1,
            "low": low,
            "high": high,
            "precision": row.precision,
            "recall": row.recall,
            "support": row.support,
            "below": benchmark is not None and row.f1 < benchmark,
        }
        for row, (low, high) in zip(found.per_class, ends, strict=True)
    ]
    rows.sort(key=lambda row: (row["f1"], -row["support"]))
    return rows[:_CLASSES], max(len(rows) - _CLASSES, 0)


def confusions(found: Evaluation) -> list[dict[str, Any]]:
    """The most frequent kinds of mistake."""
    return [vars(row) for row in found.most_confused(_CONFUSIONS)]


def compared(evaluations: Mapping[str, Evaluation]) -> tuple[Comparison | None, int]:
    """The best models compared with each other, and how many are left out."""
    ranked = sorted(evaluations, key=lambda name: -evaluations[name].weighted_f1)
    kept = {name: evaluations[name] for name in ranked[:_COMPARED]}
    return (compare(kept) if len(kept) > 1 else None), len(ranked) - len(kept)


def check_names(
    evaluations: Mapping[str, Evaluation], gains: Sequence[tuple[str, str, str]]
) -> None:
    """Refuse a step that names an evaluation that is not there."""
    for name in (name for before, after, _ in gains for name in (before, after)):
        if name not in evaluations:
            raise EvaluationError(
                f"gains names {name!r}, of which there is no evaluation; expected one of "
                f"{', '.join(map(repr, evaluations)) or 'none: give evaluations=...'}."
            )


def gain_rows(
    evaluations: Mapping[str, Evaluation], gains: Sequence[tuple[str, str, str]]
) -> list[Gain]:
    """Each step's gain in points of weighted F1, with its paired interval."""
    rows = []
    for before, after, question in gains:
        (pair,) = compare({"before": evaluations[before], "after": evaluations[after]}).pairs
        low, high = pair.interval
        sign = 1 if pair.better == "after" else -1
        ends = sorted((100 * sign * low, 100 * sign * high))
        rows.append(Gain(question, before, after, 100 * sign * pair.difference, *ends))
    return rows
