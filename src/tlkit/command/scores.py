"""The figures of an evaluation, as plain data with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlkit.evaluation.evaluation import Evaluation


def scores_of(found: Evaluation) -> dict[str, Any]:
    """Return what ``Evaluation.to_dict`` gives, and a 95 % interval of each score and loss."""
    from tlkit.evaluation.metrics.scores import LOSSES, SCORES

    intervals = {name: list(found.interval(name)) for name in (*SCORES, *LOSSES)}
    return {**found.to_dict(), "intervals": intervals}
