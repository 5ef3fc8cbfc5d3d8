"""Figures of an evaluation as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.comparing.comparison import Comparison
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics.class_intervals import f1_intervals
from tlkit.evaluation.plots import plot_comparison, plot_confusion, plot_reliability
from tlkit.evaluation.plots.canvas import axes_or_new
from tlkit.reporting._pictures import Picture, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation._tables import Confusion

# The first ones stand in the page's head too.
_SCORES = ("weighted_f1", "accuracy", "macro_f1", "balanced_accuracy", "cohen_kappa")
_LOSSES = ("log_loss", "brier_score")
_COMPARED = 10  # models; more would need too many resamples for all their pairs
_CLASSES = 300  # rows of a table that a browser sorts at once
_CONFUSIONS = 12  # kinds of mistake


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
class ClassRow:
    """How well one class is found, with the interval of its F1."""

    name: str
    f1: float
    low: float
    high: float
    precision: float
    recall: float
    support: int
    below: bool


@dataclass(frozen=True)
class Detail:
    """The evaluation that is looked at closely.

    Args:
        name: What it is of.
        found: The evaluation.
        scores: Its scores; weighted F1 and accuracy come first.
        classes: The weakest classes, weakest first.
        below: How many classes lie below the benchmark.
        mean_probability: Of what was predicted.
        confusion: The confusion matrix.
        reliability: The reliability diagram.
    """

    name: str
    found: Evaluation
    scores: tuple[Score, ...]
    classes: tuple[ClassRow, ...]
    below: int
    mean_probability: float
    confusion: Picture
    reliability: Picture

    @property
    def classes_left_out(self) -> int:
        """Classes that are not shown."""
        return len(self.found.class_names) - len(self.classes)

    @property
    def support(self) -> tuple[int, int]:
        """Images of the smallest and of the largest class."""
        support = [row.support for row in self.found.per_class]
        return min(support), max(support)

    @property
    def mistakes(self) -> int:
        """How many images were predicted as another class."""
        return int((self.found.predictions != self.found.y_true).sum())

    @property
    def confusions(self) -> Sequence[Confusion]:
        """The most frequent kinds of mistake."""
        return self.found.most_confused(_CONFUSIONS)


@dataclass(frozen=True)
class Compared:
    """The best of several evaluations held against each other.

    Args:
        comparison: All pairs.
        picture: Their scores with intervals.
        left_out: Weaker ones that are not among them.
    """

    comparison: Comparison
    picture: Picture
    left_out: int

    @property
    def verdict(self) -> str:
        """Which is the best, and which others may be as good."""
        best, *equals = self.comparison.best_group
        if equals:
            return f"Best: {best}. No difference to it can be claimed for: {', '.join(equals)}."
        others = "the other" if len(self.comparison.ranking) == 2 else "each of the others"
        return f"Best: {best}, with a claimed difference to {others}."


def detail_of(name: str, found: Evaluation, benchmark: float | None) -> Detail:
    """Look at an evaluation closely.

    Args:
        name: What it is of.
        found: The evaluation.
        benchmark: Classes with a smaller F1 are marked; None marks none.
    """
    rows = _class_rows(found, benchmark)
    sure = float(found.probabilities.max(axis=1).mean())
    return Detail(
        name=name,
        found=found,
        scores=tuple(_score_rows(found)),
        classes=tuple(rows[:_CLASSES]),
        below=sum(row.below for row in rows),
        mean_probability=sure,
        confusion=drawn(plot_confusion(found, _square(found)), _confusion_alt(found)),
        reliability=drawn(plot_reliability(found), _reliability_alt(found, sure)),
    )


def compared(evaluations: Mapping[str, AnyEvaluation]) -> Compared | None:
    """Compare the best of several evaluations; None where there are fewer than two."""
    ranked = sorted(evaluations, key=lambda name: -evaluations[name].weighted_f1)
    kept = {name: evaluations[name] for name in ranked[:_COMPARED]}
    if len(kept) < 2:
        return None
    comparison = compare(kept)
    best, *equals = comparison.best_group
    alike = f"no claimed difference to it: {', '.join(equals)}" if equals else "it has no equal"
    alt = f"Scores with intervals, best first: {best}; {alike}"
    picture = drawn(plot_comparison(comparison, evaluations, _narrow(len(kept))), alt)
    return Compared(comparison, picture, len(ranked) - len(kept))


def _score_rows(found: Evaluation) -> list[Score]:
    """Return the scores that have intervals: shares first, then losses."""
    plain, most = found.baseline(), min(3, len(found.class_names) - 1)
    names = (*_SCORES, *([f"top_{most}"] if most > 1 else []), *_LOSSES)
    return [
        Score(name, found.score(name), *found.interval(name), plain.score(name)) for name in names
    ]


def _class_rows(found: Evaluation, benchmark: float | None) -> list[ClassRow]:
    """Return a row for each class, weakest first."""
    rows = [
        ClassRow(
            row.name,
            row.f1,
            low,
            high,
            row.precision,
            row.recall,
            row.support,
            below=benchmark is not None and row.f1 < benchmark,
        )
        for row, (low, high) in zip(found.per_class, f1_intervals(found).tolist(), strict=True)
    ]
    return sorted(rows, key=lambda row: (row.f1, -row.support))


def _confusion_alt(found: Evaluation) -> str:
    return (
        f"Confusion matrix: {found.accuracy:.0%} of the images lie on the diagonal; the table of "
        "mistakes below names the largest fields beside it"
    )


def _reliability_alt(found: Evaluation, sure: float) -> str:
    return (
        f"Reliability diagram: mean probability {sure:.2f}, share of correct predictions "
        f"{found.accuracy:.2f}"
    )


def _narrow(models: int) -> Axes:
    """Return Axes whose words can be read on a phone."""
    return axes_or_new(None, (5.6, 1.6 + 0.3 * models))


def _square(found: Evaluation) -> Axes:
    """Return Axes on which the matrix's numbers can be read at the width of the page."""
    side = min(3 + 0.3 * len(found.class_names), 14)
    return axes_or_new(None, (side + 0.6, side))
