"""A function with a plan: ``function(...)`` does it, ``function.plan(...)`` tells what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
Done = TypeVar("Done", covariant=True)
Told = TypeVar("Told", covariant=True)


class Planned(Protocol[P, Done, Told]):
    """A function with a plan that takes the same arguments."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Done:
        """Do it."""

    def plan(self, *args: P.args, **kwargs: P.kwargs) -> Told:
        """Tell what would be done."""


def planned_by(
    plan: Callable[P, Told],
) -> Callable[[Callable[P, Done]], Planned[P, Done, Told]]:
    """Give a function its plan; it stays the function that it is.

    Args:
        plan: Takes the same arguments as the function.
    """

    def with_plan(function: Callable[P, Done]) -> Planned[P, Done, Told]:
        planned: Any = function
        told: Any = plan
        told.__name__, told.__qualname__ = "plan", f"{planned.__qualname__}.plan"
        planned.plan = plan
        return planned  # type: ignore[no-any-return]

    return with_plan
