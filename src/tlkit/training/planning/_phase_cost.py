"""What was measured of the phases of a stage, and what follows for those between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlkit.training.planning._tail_cost import TailCost
from tlkit.training.planning._trunk_cost import ImageCost
from tlkit.training.planning.duration import Duration, between


@dataclass(frozen=True)
class PhaseCost:
    """What was measured of a phase.

    Args:
        choosing: To choose an engine.
        image: For an image through the trunk; None where none goes through it beforehand.
        tail: For training.
        keeping: At the end of each epoch, for weights and checkpoint.
    """

    choosing: Duration
    image: ImageCost | None
    tail: TailCost
    keeping: Duration

    @property
    def epoch(self) -> Duration:
        """An epoch, with validation and what is kept at its end."""
        return self.tail.training + self.tail.validation + self.keeping


def filled(costs: Sequence[PhaseCost | None]) -> list[PhaseCost]:
    """Return the cost of every phase, of which the first and the last were measured."""
    known = [n for n, cost in enumerate(costs) if cost is not None]
    every = []
    for n in range(len(costs)):
        below, above = max(k for k in known if k <= n), min(k for k in known if k >= n)
        one, other = costs[below], costs[above]
        assert one is not None
        assert other is not None
        share = (n - below) / (above - below) if above > below else 0.0
        every.append(one if not share else _mixed(one, other, share))
    return every


def _mixed(one: PhaseCost, other: PhaseCost, share: float) -> PhaseCost:
    image = one.image or other.image
    if one.image is not None and other.image is not None:
        image = ImageCost(
            between(one.image.trunk, other.image.trunk, share),
            between(one.image.decoding, other.image.decoding, share),
            max(one.image.once, other.image.once),
        )
    a, b = one.tail, other.tail
    tail = TailCost(
        a.startup * (1 - share) + b.startup * share,
        a.tracing * (1 - share) + b.tracing * share,
        between(a.training, b.training, share),
        between(a.step, b.step, share),
        between(a.validation, b.validation, share),
    )
    choosing = between(one.choosing, other.choosing, share)
    return PhaseCost(choosing, image, tail, between(one.keeping, other.keeping, share))
