"""Pictures of an evaluation and of training, readable at 27 classes and in black and white.

Each function takes and returns a matplotlib Axes; without one it makes a figure of its own, whose
size fits the number of classes: ``plot_confusion(result).figure.savefig("confusion.png")``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tlkit.errors import EvaluationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation.checks import Floats, Ints
    from tlkit.evaluation.metrics import Evaluation

Histories: TypeAlias = Sequence[tuple[str, Mapping[str, Sequence[float]]]]

# Okabe and Ito's blue and vermilion, told apart with every common colour-vision deficiency.
_TRAINING, _VALIDATION, _GREY = "#0072B2", "#D55E00", "#777777"
_SHARES = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1)
_COUNTS_UP_TO = 30  # classes; beyond, numbers in the cells cannot be read
_NAMES_UP_TO = 60  # classes; beyond, only some rows and columns are named


def plot_confusion(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """Confusion matrix: truth in rows, colour by share of the row, counts where legible.

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
    axes: Axes = _axes(ax, (side + 1, side))
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


def plot_per_class(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """F1 of each class as bars, best first, with the number of images beside each.

    Args:
        evaluation: What to draw.
        ax: Where to draw; None makes a figure of its own.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    rows = sorted(evaluation.per_class, key=lambda row: (row.f1, row.support))
    shown = (
        rows
        if len(rows) <= _NAMES_UP_TO
        else rows[: _NAMES_UP_TO // 2] + rows[-_NAMES_UP_TO // 2 :]
    )
    axes: Axes = _axes(ax, (7, 1.6 + 0.24 * len(shown)))
    axes.barh(range(len(shown)), [row.f1 for row in shown], color=_TRAINING, height=0.7)
    axes.set_yticks(range(len(shown)), [row.name for row in shown], fontsize=8)
    for place, row in enumerate(shown):
        axes.text(1.02, place, f"{row.f1:.2f}", va="center", fontsize=8)
        axes.text(1.22, place, str(row.support), va="center", ha="right", fontsize=8)
    mean = evaluation.weighted_f1
    axes.axvline(mean, color=_VALIDATION, ls="--", lw=1.2)
    axes.axvline(1, color=_GREY, lw=0.8)
    axes.set_xlim(0, 1.24)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("F1; at the right F1 and number of images")
    hidden = (
        f"; {len(rows) - len(shown)} classes in the middle left out"
        if len(rows) > len(shown)
        else ""
    )
    axes.set_title(f"weighted F1 {mean:.3f} (dashed){hidden}", fontsize=11)
    return axes


def plot_history(
    histories: Histories,
    ax: Axes | None = None,
    metric: str = "loss",
) -> Axes:
    """Learning curves over all epochs, with a line and a name where each stage begins.

    Args:
        histories: For each stage its name and what ``fit`` recorded: lists by metric name, with
            validation as "val_" + name where there is any.
        ax: Where to draw; None makes a figure of its own.
        metric: Which metric to draw.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If there is no such metric in any stage, or matplotlib is not installed.
    """
    known = sorted({name for _, history in histories for name in history})
    if metric not in known:
        raise EvaluationError(f"metric={metric!r} was not recorded; recorded are {known}.")
    axes: Axes = _axes(ax, (8, 4.5))
    lengths = [max(map(len, history.values()), default=0) for _, history in histories]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    _draw_series(axes, histories, starts[:-1], metric, "training", _TRAINING, "o-")
    _draw_series(axes, histories, starts[:-1], f"val_{metric}", "validation", _VALIDATION, "s--")
    _mark_stages(axes, [name for name, _ in histories], starts)
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.set_ylabel(metric.replace("_", " "))
    axes.legend(fontsize=9)
    return axes


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EvaluationError(
            'plots need matplotlib: python -m pip install "tlkit[plots]"'
        ) from error
    axes: Axes = Figure(figsize=size, layout="constrained").subplots()
    return axes


def _name_ticks(axes: Axes, names: Sequence[str]) -> None:
    step = -(-len(names) // _NAMES_UP_TO)
    places = range(0, len(names), step)
    shown = [_short(names[place]) for place in places]
    upright = max(map(len, shown)) > 3
    axes.set_xticks(places, shown, rotation=90 if upright else 0, fontsize=8)
    axes.set_yticks(places, shown, fontsize=8)


def _short(name: str, width: int = 28) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _write_counts(axes: Axes, counts: Ints, share: Floats) -> None:
    """Counts in the cells, dark on light and light on dark; empty cells stay empty."""
    size = 8 if counts.max() < 1000 else 7
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if share[row, column] > 0.35 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _draw_series(
    axes: Axes, histories: Histories, starts: Ints, metric: str, name: str, color: str, style: str
) -> None:
    """One metric through all stages, with a gap between stages and one entry in the legend."""
    label = name
    for (_, history), start in zip(histories, starts, strict=True):
        values = history.get(metric, ())
        if len(values):
            epochs = start + 1 + np.arange(len(values))
            axes.plot(epochs, values, style, color=color, ms=3.5, lw=1.5, label=label)
            label = "_nolegend_"


def _mark_stages(axes: Axes, names: Sequence[str], starts: Ints) -> None:
    """A line between stages, and each stage's name above its epochs."""
    for start in starts[1:-1]:
        axes.axvline(start + 0.5, color=_GREY, lw=1, ls=":")
    axes.set_xlim(0.5, starts[-1] + 0.5)
    top = axes.secondary_xaxis("top")
    slanted = sum(map(len, names)) > 60 or len(names) > 6
    top.set_xticks((starts[1:] + starts[:-1] + 1) / 2, list(names), fontsize=9)
    if slanted:
        for label in top.get_xticklabels():
            label.set(rotation=25, ha="left")
    top.tick_params(length=0)
