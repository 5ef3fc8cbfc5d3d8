"""Learning curves and learning-rate searches of a run, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlkit.errors import SelectorError
from tlkit.evaluation.plots import plot_history
from tlkit.evaluation.plots.canvas import axes_or_new
from tlkit.learning_rate.curve import LRCurve
from tlkit.reporting._pictures import Picture, drawn
from tlkit.reporting._runs import Run

_SIZE = (5.6, 3.8)  # inches: text can be read where two pictures share the page's width
_SEARCH_SIZE = (5.6, 4.9)  # its legend stands below it


@dataclass(frozen=True)
class Curves:
    """What a run looked like while it trained.

    Args:
        run: Its name.
        pictures: Learning curves through all stages, then each stage's search.
        empty: Stages whose search found no finite loss, of which there is no picture.
    """

    run: str
    pictures: tuple[Picture, ...]
    empty: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.pictures or self.empty)


def curves_of(run: Run) -> Curves:
    """Draw the curves of a run."""
    learning = (_learning(run, metric) for metric in ("loss", "accuracy"))
    searches = (_search(run, name, curve) for name, curve in run.searches if len(curve))
    return Curves(
        run=run.name,
        pictures=(*(picture for picture in learning if picture is not None), *searches),
        empty=tuple(name for name, curve in run.searches if not len(curve)),
    )


def _learning(run: Run, metric: str) -> Picture | None:
    histories = run.histories
    if not any(metric in history for _, history in histories):
        return None
    ends = "; ".join(_end(name, history, metric) for name, history in histories)
    axes = plot_history(histories, axes_or_new(None, _SIZE), metric=metric)
    return drawn(axes, f"{run.name}: {metric} by epoch; {ends}", f"{metric.capitalize()} by epoch")


def _end(stage: str, history: Mapping[str, Sequence[float]], metric: str) -> str:
    if not history.get(metric):
        return f"{stage} recorded none"
    held_out = history.get(f"val_{metric}")
    in_validation = f", in validation {held_out[-1]:.3f}" if held_out else ""
    return f"{stage} ends at {history[metric][-1]:.3f}{in_validation}"


def _search(run: Run, stage: str, curve: LRCurve) -> Picture:
    of, found = f" of {stage}" if stage else "", _answer(curve)
    alt = f"{run.name}: loss by learning rate in the search{of}; {found}"
    axes = curve.plot(axes_or_new(None, _SEARCH_SIZE))
    axes.set_title("")  # the caption says it
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
    axes.legend(fontsize=8.5, ncols=2, frameon=False, **below)  # three columns are too wide here
    return drawn(axes, alt, f"Learning-rate search{of}: {found}")


def _answer(curve: LRCurve) -> str:
    try:
        return f"{curve.suggestion:.2g} is suggested"
    except SelectorError:
        return "no rate could be chosen"
