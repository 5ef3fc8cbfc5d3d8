"""F1 of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tlkit.evaluation.metrics.class_intervals import f1_intervals
from tlkit.evaluation.plots.canvas import FIRST, GREY, NAMES_UP_TO, SECOND, axes_or_new, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation.evaluation import Evaluation


def plot_per_class(
    evaluation: Evaluation, ax: Axes | None = None, benchmark: float | None = None
) -> Axes:
    """Draw the F1 of each class as bars, best first, with its exact 95 % interval.

    Args:
        evaluation: What to draw.
        ax: Where to draw; None makes a figure of its own.
        benchmark: A score to draw as a dotted line, 0..1.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    rows = evaluation.per_class
    order = sorted(range(len(rows)), key=lambda place: (rows[place].f1, rows[place].support))
    half = NAMES_UP_TO // 2
    shown = order if len(order) <= NAMES_UP_TO else order[:half] + order[-half:]
    axes: Axes = axes_or_new(ax, (7, 1.8 + 0.24 * len(shown)))
    scores = np.array([rows[place].f1 for place in shown])
    axes.barh(range(len(shown)), scores, color=FIRST, height=0.7, alpha=0.75)
    low, high = f1_intervals(evaluation)[shown].T
    axes.hlines(range(len(shown)), low, high, color="black", lw=1.6)
    axes.set_yticks(range(len(shown)), [short(rows[place].name) for place in shown], fontsize=8)
    for height, place in enumerate(shown):
        axes.text(1.02, height, f"{rows[place].f1:.2f}", va="center", fontsize=8)
        axes.text(1.24, height, str(rows[place].support), va="center", ha="right", fontsize=8)
    if benchmark is not None:
        axes.axvline(benchmark, color=GREY, ls=":", lw=1.6)
    _dress(axes, evaluation.weighted_f1, len(shown), len(rows) - len(shown), benchmark)
    return axes


def _dress(axes: Axes, mean: float, shown: int, hidden: int, benchmark: float | None) -> None:
    axes.axvline(mean, color=SECOND, ls="--", lw=1.2)
    axes.axvline(1, color=GREY, lw=0.8)
    axes.set_xlim(0, 1.26)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_ylim(-0.6, shown - 0.4)
    axes.set_xlabel("F1 and its 95 % interval; at the right F1 and number of images")
    marked = "" if benchmark is None else f", benchmark {benchmark:.3f} (dotted)"
    left_out = f"; {hidden} classes in the middle left out" if hidden else ""
    axes.set_title(f"weighted F1 {mean:.3f} (dashed){marked}{left_out}", fontsize=11)
