"""What the plots share: colours, an Axes to draw on, names that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlkit.errors import EvaluationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's blue and vermilion, told apart with every common colour-vision deficiency; in
# grey the first is the darker one, and shapes and dashes tell them apart too.
FIRST, SECOND, GREY = "#0072B2", "#D55E00", "#777777"
NAMES_UP_TO = 60  # beyond, names in one column or row cannot be read


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the Axes given, or one in a figure of its own of that size in inches.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
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


def short(name: str, width: int = 28) -> str:
    """Return a name of at most that many characters, in which matplotlib sees no formula."""
    cut = name if len(name) <= width else name[: width - 1] + "…"
    return cut.replace("$", r"\$")
