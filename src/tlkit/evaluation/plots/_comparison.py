"""Several models beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tlkit.errors import EvaluationError
from tlkit.evaluation.plots.canvas import FIRST, GREY, NAMES_UP_TO, axes_or_new, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation.comparing.compare import Comparison
    from tlkit.evaluation.evaluating import AnyEvaluation


def plot_comparison(
    comparison: Comparison,
    evaluations: Mapping[str, AnyEvaluation],
    ax: Axes | None = None,
) -> Axes:
    """Draw scores with their intervals, best on top; full marks are the best and its equals.

    The best has a full mark, and all to which ``comparison`` claims no difference: it looks at
    differences image by image; overlapping intervals say less.

    Args:
        comparison: What ``tlkit.compare(evaluations)`` returned.
        evaluations: The same evaluations by name, for their intervals.
        ax: Where to draw; None makes a figure of its own.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If an evaluation is missing, or matplotlib is not installed.
    """
    missing = [name for name in comparison.ranking if name not in evaluations]
    if missing:
        raise EvaluationError(
            f"evaluations lacks {missing[0]!r}, which is in the comparison; give all "
            f"{len(comparison.ranking)} that were compared, under the same names."
        )
    shown = comparison.scores[:NAMES_UP_TO]
    axes: Axes = axes_or_new(ax, (7, 1.6 + 0.3 * len(shown)))
    best = set(comparison.best_group)
    for place, (name, score) in enumerate(reversed(shown)):
        interval = evaluations[name].interval(comparison.metric)
        _draw_score(axes, place, score, interval, full=name in best)
    axes.set_yticks(range(len(shown)), [short(name, 44) for name, _ in reversed(shown)])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.12 * (right - left))  # room for the last figure
    axes.set_xlabel(f"{_words(comparison.metric)} and its 95 % interval")
    axes.set_title(_title(comparison, len(shown)), fontsize=10)
    axes.grid(axis="x", color="#dddddd", lw=0.8)
    axes.set_axisbelow(True)
    return axes


def _draw_score(
    axes: Axes, place: int, score: float, interval: tuple[float, float], *, full: bool
) -> None:
    low, high = interval
    colour = FIRST if full else GREY
    axes.hlines(place, low, high, color=colour, lw=2.4 if full else 1.4)
    axes.plot(score, place, "o", mfc=FIRST if full else "white", mec=colour, ms=7, zorder=3)
    text = f"{score:.3f}"
    axes.annotate(text, (high, place), (5, 0), textcoords="offset points", va="center")


def _title(comparison: Comparison, shown: int) -> str:
    hidden = len(comparison.scores) - shown
    left_out = f"; {hidden} weaker models left out" if hidden else ""
    return f"{comparison.images} images; full mark: no claimed difference to the best{left_out}"


def _words(metric: str) -> str:
    return metric.replace("_", " ").replace("f1", "F1")
