"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tlkit.errors import EvaluationError
from tlkit.evaluation.plots.canvas import FIRST, GREY, SECOND, axes_or_new, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation.arrays import Ints

Histories: TypeAlias = Sequence[tuple[str, Mapping[str, Sequence[float]]]]


def plot_history(
    histories: Histories | Mapping[str, Mapping[str, Sequence[float]]],
    ax: Axes | None = None,
    metric: str = "loss",
) -> Axes:
    """Draw learning curves over all epochs, with a line and a name where each stage begins.

    Args:
        histories: For each stage its name and what ``fit`` recorded, as in ``result.history`` or as
            pairs: lists by metric name, with validation as ``"val_"`` and the name, where there is
            any.
        ax: Where to draw; None makes a figure of its own.
        metric: Which metric to draw.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If there is no such metric in any stage, or matplotlib is not installed.
    """
    if isinstance(histories, Mapping):
        histories = list(histories.items())
    known = sorted({name for _, history in histories for name in history})
    if metric not in known:
        raise EvaluationError(f"metric={metric!r} was not recorded; recorded are {known}.")
    axes: Axes = axes_or_new(ax, (8, 4.5))
    lengths = [max(map(len, history.values()), default=0) for _, history in histories]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    _draw_series(axes, histories, starts[:-1], metric, "training", FIRST, "o-")
    _draw_series(axes, histories, starts[:-1], f"val_{metric}", "validation", SECOND, "s--")
    _mark_stages(axes, [short(name) for name, _ in histories], starts)
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.set_ylabel(metric.replace("_", " "))
    axes.legend(fontsize=9)
    return axes


def _draw_series(
    axes: Axes, histories: Histories, starts: Ints, metric: str, name: str, color: str, style: str
) -> None:
    """Draw one metric through all stages, with gaps between stages and one entry in the legend."""
    label = name
    for (_, history), start in zip(histories, starts, strict=True):
        values = history.get(metric, ())
        if len(values):
            epochs = start + 1 + np.arange(len(values))
            axes.plot(epochs, values, style, color=color, ms=3.5, lw=1.5, label=label)
            label = "_nolegend_"


def _mark_stages(axes: Axes, names: Sequence[str], starts: Ints) -> None:
    """Draw a line between stages, and write each stage's name above its epochs."""
    for start in starts[1:-1]:
        axes.axvline(start + 0.5, color=GREY, lw=1, ls=":")
    axes.set_xlim(0.5, starts[-1] + 0.5)
    top = axes.secondary_xaxis("top")
    slanted = sum(map(len, names)) > 60 or len(names) > 6
    top.set_xticks((starts[1:] + starts[:-1] + 1) / 2, list(names), fontsize=9)
    if slanted:
        for label in top.get_xticklabels():
            label.set(rotation=25, ha="left")
    top.tick_params(length=0)
