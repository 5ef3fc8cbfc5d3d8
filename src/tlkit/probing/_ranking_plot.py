"""A ranking as a picture: quality against time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlkit._disk.atomic import whole_file, why_unwritable
from tlkit.errors import EvaluationError
from tlkit.evaluation.plots.canvas import FIRST, GREY, SECOND, axes_or_new, short
from tlkit.probing.ranked import RankedBackbone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# So many names have room beside the drawing.
_NAMED = 45


def check_plot(path: str | Path) -> None:
    """Refuse a picture file that cannot be written, before anything is drawn or ranked for it.

    Raises:
        EvaluationError: matplotlib is not installed, or knows no such ending; or there is no place.
    """
    figure: Any = axes_or_new(None, (1, 1)).figure
    known = figure.canvas.get_supported_filetypes()
    if Path(path).suffix.lower().removeprefix(".") not in known:
        raise EvaluationError(
            f"A plot cannot be written to {str(path)!r}; expected a name that ends in "
            f"{', '.join(f'.{ending}' for ending in sorted(known))}."
        )
    why = why_unwritable(Path(path))
    if why:
        raise EvaluationError(f"A plot cannot be written to {path}: {why}. Give another file.")


def write_plot(axes: Axes, file: Path) -> None:
    """Write a drawing whole or not at all.

    Raises:
        EvaluationError: It cannot be written.
    """
    figure: Any = axes.figure
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as part:
            figure.savefig(part, dpi=150)
    except OSError as error:
        raise EvaluationError(
            f"A plot cannot be written to {file}: {error}. Give another file."
        ) from error


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
    axes = axes_or_new(ax, (9, 5.5))
    ms, f1 = ([row.cost.ms for row in front], [row.estimate for row in front])
    axes.step(ms, f1, where="pre", color=FIRST, lw=1.2, alpha=0.5, zorder=1, label="Pareto front")
    known = set(map(id, best))
    for row in rows:
        _draw(axes, row, full=id(row) in known)
    for number, row in enumerate(rows, 1):
        place = (row.cost.ms, row.estimate)
        axes.annotate(str(number), place, (5, 3), fontsize=8, textcoords="offset points")
    axes.text(1.02, 1, _key(rows), transform=axes.transAxes, va="top", fontsize=7, linespacing=1.4)
    axes.set_xscale("log")
    for axis_format in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis_format("{x:g}")
    axes.set_xlabel("milliseconds for a picture, by Keras on this machine")
    axes.set_ylabel("weighted F1 of a probe, and its 95 % interval")
    axes.set_title("full mark: no claimed difference to the best", fontsize=10)
    axes.grid(color="#dddddd", lw=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.1)
    # Below the axes: an interval may be anywhere in them.
    axes.legend(fontsize=8, loc="upper right", bbox_to_anchor=(1, -0.07), ncols=2, frameon=False)
    return axes


def _key(rows: Sequence[RankedBackbone]) -> str:
    """Return what the numbers are."""
    lines = [f"{number}  {short(row.name, 44)}" for number, row in enumerate(rows[:_NAMED], 1)]
    left = len(rows) - len(lines)
    return "\n".join([*lines, *([f"and {left} more"] if left else [])])


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
