"""What a selector reads and is called, and what a curve is to those who show or store it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from tlkit.learning_rate.selectors.smoothing import Floats


class Curve(Protocol):
    """What a selector reads of a curve; a `tlkit.LRCurve` is one."""

    @property
    def learning_rates(self) -> Floats:
        """Shape (n,), positive, rising."""

    @property
    def losses(self) -> Floats:
        """Shape (n,), finite."""

    @property
    def n_cut(self) -> int:
        """How many points were dropped, from the first loss that was not finite."""


class AnsweredCurve(Curve, Protocol):
    """A curve with what its selectors say of it; see the attributes of `tlkit.LRCurve`."""

    accuracies: Floats | None
    validation_losses: Floats | None
    stop_reason: str | None

    def __len__(self) -> int: ...

    @property
    def selector(self) -> Callable[..., float]:
        """What chooses `suggestion`."""

    @property
    def suggestion(self) -> float:
        """The rate that `selector` chooses."""

    @property
    def suggestions(self) -> Mapping[str, float]:
        """The rate of every selector that has an answer, by its name."""

    @property
    def refusals(self) -> Mapping[str, str]:
        """Why the other selectors refuse to answer, by their names."""

    @property
    def disagreement(self) -> float:
        """Decades between the smallest and the largest suggestion; 0 for fewer than two."""


def selector_name(selector: object) -> str:
    """Return the name under which a selector's answer is listed."""
    return str(getattr(selector, "__name__", type(selector).__name__))
