"""How far an export is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from tlkit._progress import Reporter
from tlkit.inference._formats import Runner

# What is done next, and the share of it that is done, 0..1.
Show = Callable[[str, float], None]
READING, WRITING, CALIBRATING, COMPARING, DONE = _STEPS = (
    *("reading pictures", "writing", "calibrating", "comparing with Keras"),
    "done",
)


def silently(what: str, share: float) -> None:
    """Show nothing."""


class ExportSteps:
    """Shows one step after the other.

    Args:
        reporter: Where.
        format: That is written.
    """

    def __init__(self, reporter: Reporter, format: str) -> None:
        self._reporter, self._title = reporter, f"export to {format}"

    def __call__(self, what: str, share: float) -> None:
        """Show a step, of which a share is done."""
        done = round(_STEPS.index(what) + share, 2)
        self._reporter.step(self._title, done, len(_STEPS) - 1, what)


def counting(run: Runner, total: int, show: Show) -> Runner:
    """Return the same function, which shows how many images of so many it was given."""
    done = 0

    def counted_run(images: NDArray[Any]) -> NDArray[Any]:
        nonlocal done
        output = run(images)
        done += len(images)
        show(COMPARING, min(1.0, done / total))
        return output

    return counted_run
