"""Precision and recall of each label, over all thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tlkit.evaluation.plots.canvas import GREY, axes_or_new, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation.multi_label import MultiLabelEvaluation

_CURVES = 8  # more cannot be told apart
# Okabe and Ito's colours, with dashes that tell them apart in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777")
_DASHES = ("-", "--", "-.", ":")


def plot_precision_recall(evaluation: MultiLabelEvaluation, ax: Axes | None = None) -> Axes:
    """Draw precision over recall for each label, lowest average precision first.

    A dot shows each label's threshold. Of many labels the eight lowest are drawn.

    Args:
        evaluation: What to draw.
        ax: Where to draw; None makes a figure of its own.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    from sklearn.metrics import precision_recall_curve

    rows = evaluation.per_class
    known = [place for place, row in enumerate(rows) if row.support]
    order = sorted(known, key=lambda place: rows[place].average_precision)
    axes: Axes = axes_or_new(ax, (6.4, 4.6))
    for number, place in enumerate(order[:_CURVES]):
        row, truth = rows[place], evaluation.y_true[:, place]
        precision, recall, _ = precision_recall_curve(truth, evaluation.probabilities[:, place])
        colour, dashes = _COLOURS[number], _DASHES[number % len(_DASHES)]
        label = f"{short(row.name, 18)}, {row.average_precision:.2f}"
        axes.step(recall, precision, where="post", color=colour, ls=dashes, lw=1.6, label=label)
        axes.plot([row.recall], [row.precision], "o", color=colour, ms=6)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel("recall: share of the images that have the label")
    axes.set_ylabel("precision: share of those given it")
    hidden = len(order) - _CURVES
    more = f"; the {hidden} labels of higher average precision left out" if hidden > 0 else ""
    axes.set_title(f"dots: at each label's threshold{more}", fontsize=10)
    axes.grid(color="#dddddd", lw=0.8)
    axes.axhline(1, color=GREY, lw=0.8)
    if order:
        axes.legend(title="average precision", fontsize=8, title_fontsize=8, loc="lower left")
    return axes
