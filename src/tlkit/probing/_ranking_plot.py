"""A ranking as a picture: quality against time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tlkit.evaluation.plots.canvas import FIRST, GREY, SECOND, axes_or_new, short
from tlkit.probing.ranked import RankedBackbone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of more backbones, only those on the front have a name beside their mark.
_NAMED = 16


def plot_ranking(
    rows: Sequence[RankedBackbone],
    front: Sequence[RankedBackbone],
    best: Sequence[RankedBackbone],
    ax: Axes | None,
) -> Axes:
    """Draw backbones with their intervals, and the Pareto front as steps.

    Args:
        rows: All of them.
        front: Those on the front.
        best: Those that are not claimed to be worse than the best: full marks.
        ax: Where to draw; None makes a figure of its own.
    """
    axes = axes_or_new(ax, (8, 5.5))
    ms, f1 = ([row.cost.ms for row in front], [row.estimate for row in front])
    axes.step(ms, f1, where="pre", color=FIRST, lw=1.2, alpha=0.5, zorder=1, label="Pareto front")
    known = set(map(id, best))
    for row in rows:
        _draw(axes, row, full=id(row) in known)
    for row in rows if len(rows) <= _NAMED else front:
        axes.annotate(
            short(row.name, 40), (row.cost.ms, row.estimate), (6, 4), fontsize=7,
            textcoords="offset points",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds for a picture, by Keras on this machine")
    axes.set_ylabel("weighted F1 of a probe, and its 95 % interval")
    axes.set_title("full mark: no claimed difference to the best", fontsize=10)
    axes.grid(color="#dddddd", lw=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.25)
    axes.legend(fontsize=8, loc="lower right")
    return axes


def _draw(axes: Axes, row: RankedBackbone, *, full: bool) -> None:
    if row.behind is not None:
        seen = axes.get_legend_handles_labels()[1]
        label = "on some of the pictures, about"
        axes.plot(
            row.cost.ms, row.estimate, "D", mfc="white", mec=SECOND, ms=6, zorder=3,
            label="_" if label in seen else label,
        )  # fmt: skip
        return
    colour = FIRST if full else GREY
    axes.vlines(row.cost.ms, *row.evaluation.interval("weighted_f1"), color=colour, lw=1.4)
    axes.plot(row.cost.ms, row.estimate, "o", mfc=FIRST if full else "white", mec=colour, ms=7)
