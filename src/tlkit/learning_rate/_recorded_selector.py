"""A user's own selector, of which a file keeps the name and the answer."""

from __future__ import annotations

from dataclasses import dataclass

from tlkit.errors import SelectorError


@dataclass(frozen=True)
class RecordedSelector:
    """Say again what a selector said of the curve that it is read with.

    Args:
        name: Of the selector.
        rate: What it chose, or None.
        refusal: Why it could not choose, where it could not.
    """

    name: str
    rate: float | None
    refusal: str = ""

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, curve: object) -> float:  # noqa: ARG002 - a selector is given the curve
        """Return the rate.

        Raises:
            SelectorError: It refused then.
        """
        if self.rate is None:
            raise SelectorError(self.refusal)
        return self.rate
