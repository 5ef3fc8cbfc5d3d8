"""The picture of a learning-rate search."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import LearningRateError, SelectorError
from tlkit.learning_rate.selectors.selector import AnsweredCurve, selector_name
from tlkit.learning_rate.selectors.smoothed_minimum import SmoothedMinimum
from tlkit.learning_rate.selectors.smoothing import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart with every common colour-vision deficiency.
_LOSS, _ACCURACY, _VALIDATION = "#0072B2", "#009E73", "#CC79A7"
_MARKS = ("#D55E00", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_SHAPES = ("o", "s", "^", "D", "v")


def plot_curve(curve: AnsweredCurve, ax: Axes | None = None) -> Axes:
    """Draw ``curve`` as `tlkit.LRCurve.plot` describes, and return the Axes with the loss.

    Raises:
        LearningRateError: If matplotlib is not installed, or the curve has no point.
    """
    if not len(curve):
        raise LearningRateError("the curve has no point with a finite loss: nothing to plot.")
    axes = _new_axes() if ax is None else ax
    rates = curve.learning_rates
    axes.plot(rates, curve.losses, color=_LOSS, alpha=0.5, lw=1, label="loss")
    if curve.validation_losses is not None:
        axes.plot(rates, curve.validation_losses, color=_VALIDATION, lw=1, label="validation loss")
    _draw_smoothed(curve, axes)
    _draw_suggestions(curve, axes)
    _draw_accuracy(curve, axes)
    _label(curve, axes)
    return axes


def _new_axes() -> Axes:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LearningRateError(
            'plot() needs matplotlib: python -m pip install "tlkit[plots]"'
        ) from error
    axes: Axes = Figure(figsize=(9, 5), layout="constrained").subplots()
    return axes


def _draw_smoothed(curve: AnsweredCurve, axes: Axes) -> None:
    own = curve.selector
    selector = own if isinstance(own, SmoothedMinimum) else SmoothedMinimum()
    try:
        smooth, volatility = selector.smooth(curve), selector.volatility(curve)
    except SelectorError:
        return  # the refusal stands in the title
    axes.plot(curve.learning_rates, smooth, color=_LOSS, lw=2, label="loss, smoothed")
    stretches = _stretches(volatility > selector.max_volatility, np.log10(curve.learning_rates))
    for number, (low, high) in enumerate(stretches):
        label = "volatile" if number == 0 else None
        axes.axvspan(
            10**low,
            10**high,
            fc="0.5",
            ec="0.35",
            alpha=0.25,
            hatch="//",
            lw=0,
            zorder=0,
            label=label,
        )


def _stretches(flags: NDArray[np.bool_], x: Floats) -> list[tuple[float, float]]:
    """Return runs of true flags as intervals of x that reach half-way to the neighbours."""
    edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    turns = np.diff(np.concatenate([[0], flags.astype(int), [0]]))
    starts, ends = np.flatnonzero(turns == 1), np.flatnonzero(turns == -1)
    return [(float(edges[a]), float(edges[b])) for a, b in zip(starts, ends, strict=True)]


def _draw_suggestions(curve: AnsweredCurve, axes: Axes) -> None:
    own, decades = selector_name(curve.selector), np.log10(curve.learning_rates)
    ranked = sorted(curve.suggestions.items(), key=lambda item: item[0] != own)
    for (name, rate), color, shape in zip(ranked, cycle(_MARKS), cycle(_SHAPES), strict=False):
        height = float(np.interp(np.log10(rate), decades, curve.losses))
        text = f"{name}: {rate:.2g}"
        if name == own:
            axes.axvline(rate, color=color, lw=1, ls="--", zorder=1)
            text += " (chosen)"
        axes.plot([rate], [height], shape, color=color, mec="black", ms=9, zorder=5, label=text)


def _label(curve: AnsweredCurve, axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    try:
        title = f"suggested learning rate {curve.suggestion:.3g}"
    except SelectorError:
        title = "no learning rate can be chosen"
    if curve.disagreement > 1:
        title += f"; the selectors are {curve.disagreement:.1f} decades apart"
    if curve.stop_reason:
        title += f"\nstopped early: {curve.stop_reason}"
    if curve.stop_reason or curve.n_cut:
        label = "stopped here" if curve.stop_reason else "from here on not finite"
        axes.axvline(curve.learning_rates[-1], color="black", lw=1, ls=":", label=label)
    axes.set_title(title, fontsize=11)
    _limit_height(curve.losses, axes)
    # Below the picture, where it covers no curve.
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)


def _limit_height(losses: Floats, axes: Axes) -> None:
    """Keep a divergence from flattening the rest, and say what lies above."""
    usual = max(losses[0], float(np.median(losses)))
    top = usual + 3 * (usual - losses.min())
    if losses.max() > top > losses.min():
        low = float(losses.min())
        axes.set_ylim(low - 0.05 * (top - low), top)
        axes.set_ylabel(f"loss (up to {losses.max():.3g}, cut off at {top:.3g})")


def _draw_accuracy(curve: AnsweredCurve, axes: Axes) -> None:
    if curve.accuracies is None:
        return
    right = axes.twinx()
    right.plot(curve.learning_rates, curve.accuracies, color=_ACCURACY, lw=1.2, ls="-.")
    right.set_ylabel("accuracy", color=_ACCURACY)
    right.set_ylim(0, 1)
    axes.plot([], [], color=_ACCURACY, lw=1.2, ls="-.", label="accuracy (right)")
    # The loss and the marks in front, on a ground that lets the accuracy through.
    axes.set_zorder(right.get_zorder() + 1)
    axes.patch.set_visible(False)
