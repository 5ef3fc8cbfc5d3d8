"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tlkit.evaluation.plots.canvas import NAMES_UP_TO, axes_or_new, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation.arrays import Floats, Ints
    from tlkit.evaluation.evaluation import Evaluation

_SHARES = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1)
_COUNTS_UP_TO = 30  # classes; beyond, numbers in the cells cannot be read


def plot_confusion(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix: truth in rows, colour by share of the row, counts where legible.

    Args:
        evaluation: What to draw.
        ax: Where to draw; None makes a figure of its own.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    names, counts = evaluation.class_names, evaluation.confusion
    side = min(3 + 0.4 * len(names), 24)
    axes: Axes = axes_or_new(ax, (side + 1, side))
    rows = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    share = counts / rows
    # One hue on white: the same for every eye, and in print. The root makes rare mistakes visible.
    image = axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1, aspect="equal")
    _name_ticks(axes, names)
    if len(names) <= _COUNTS_UP_TO:
        _write_counts(axes, counts, share)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    left_out = "" if len(names) <= _COUNTS_UP_TO else "; counts left out"
    axes.set_title(
        f"{len(evaluation)} images, weighted F1 {evaluation.weighted_f1:.3f}{left_out}", fontsize=11
    )
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.7, aspect=30)
    bar.set_ticks(np.sqrt(_SHARES).tolist(), labels=[f"{value:g}" for value in _SHARES])
    bar.set_label("share of the true class")
    return axes


def _name_ticks(axes: Axes, names: Sequence[str]) -> None:
    step = -(-len(names) // NAMES_UP_TO)
    places = range(0, len(names), step)
    shown = [short(names[place]) for place in places]
    upright = max(map(len, shown)) > 3
    axes.set_xticks(places, shown, rotation=90 if upright else 0, fontsize=8)
    axes.set_yticks(places, shown, fontsize=8)


def _write_counts(axes: Axes, counts: Ints, share: Floats) -> None:
    """Write counts in the cells, dark on light and light on dark; empty cells stay empty."""
    size = 8 if counts.max() < 1000 else 7
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if share[row, column] > 0.35 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
