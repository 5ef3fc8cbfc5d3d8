"""Is a model right as often as it says: reliability diagrams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tlkit.evaluation.plots.canvas import FIRST, GREY, SECOND, axes_or_new, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tlkit.evaluation.arrays import Floats, Ints
    from tlkit.evaluation.evaluation import Evaluation

_STYLES = ((FIRST, "o", "-"), (SECOND, "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"))
_LEAST = 0.005  # share of the images; of fewer, "how often right" is noise


def plot_reliability(
    evaluation: Evaluation | Mapping[str, Evaluation], ax: Axes | None = None, bins: int = 10
) -> Axes:
    """Draw how often a model is right by how sure it is; on the diagonal both are equal.

    Images are sorted into bins of equal width by the probability of the predicted class. Marks
    grow with the number of images; bins with less than 0.5 % of the images are left out. Source:
    C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.

    Args:
        evaluation: What to draw; or several by name, such as before and after calibration.
        ax: Where to draw; None makes a figure of its own.
        bins: Number of bins, at least 2.

    Returns:
        The Axes.

    Raises:
        EvaluationError: If there are too few bins or more than four evaluations, or matplotlib is
            not installed.
    """
    from tlkit.errors import EvaluationError

    named = dict(evaluation) if isinstance(evaluation, Mapping) else {"": evaluation}
    if bins < 2 or not 1 <= len(named) <= len(_STYLES):
        raise EvaluationError(
            f"bins={bins!r} and {len(named)} evaluations: expected 2 or more bins, and 1 to "
            f"{len(_STYLES)} evaluations, which can still be told apart."
        )
    axes: Axes = axes_or_new(ax, (5, 5))
    axes.plot([0, 1], [0, 1], color=GREY, lw=1)
    for (name, found), style in zip(named.items(), _STYLES, strict=False):
        _draw_bins(axes, name, found, bins, style)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_xlabel("probability of the predicted class")
    axes.set_ylabel("share of correct predictions")
    axes.set_title("above the line underconfident, below overconfident", fontsize=10)
    axes.legend(fontsize=9, loc="upper left")
    return axes


def _draw_bins(
    axes: Axes, name: str, found: Evaluation, bins: int, style: tuple[str, str, str]
) -> None:
    sure, right, count = _bins(found, bins)
    seen = count >= max(1, _LEAST * len(found))
    gap = float((np.abs(sure - right) * count).sum() / len(found))
    label = f"{short(name)}: " if name else ""
    label += f"on average {100 * gap:.1f} points off"
    sizes = 12 + 120 * count[seen] / len(found)
    color, mark, line = style
    axes.plot(sure[seen], right[seen], line, color=color, lw=1.4)
    axes.scatter(
        sure[seen],
        right[seen],
        s=sizes,
        color=color,
        marker=mark,
        label=label,
        zorder=3,
        clip_on=False,
    )


def _bins(found: Evaluation, bins: int) -> tuple[Floats, Floats, Ints]:
    """Return each bin's mean probability, the share that is right and the number of images."""
    sure = found.probabilities.max(axis=1)
    right = (found.predictions == found.y_true).astype(np.float64)
    # A bin holds its upper end, as in the paper.
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    some = np.maximum(count, 1)
    means = [np.bincount(place, weights=w, minlength=bins) / some for w in (sure, right)]
    return means[0], means[1], count
