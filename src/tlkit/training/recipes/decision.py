"""One thing that `fine_tune` decided, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass

from tlkit._printing import Printed, code_of, one_line
from tlkit.data.augmentation.transforms import InOrder

HEADER = ("decision", "value", "why")


@dataclass(frozen=True, repr=False)
class Decision(Printed):
    """One thing that was decided for a training, and why.

    Args:
        name: What it is about; an argument of `tlkit.fine_tune` where there is one of that name.
        value: What is taken.
        reason: Why, for people.
        given: Whether the caller said so.
    """

    name: str
    value: object
    reason: str
    given: bool = False

    @property
    def value_text(self) -> str:
        """What is taken, as text or as code."""
        if isinstance(self.value, str):
            return self.value
        if is_dataclass(self.value) and not isinstance(self.value, InOrder):
            return f"{type(self.value).__name__}({', '.join(code_of(self.value).values())})"
        return repr(self.value)

    @property
    def row(self) -> tuple[str, str, str]:
        """What a table says of it."""
        return self.name, one_line(self.value_text, 60), "given" if self.given else self.reason

    def __repr__(self) -> str:
        return one_line(f"Decision({': '.join(self.row)})")

    def __str__(self) -> str:
        name, value, reason = self.row
        return f"{name} {value}: {reason}"


def decision_lines(decisions: Sequence[Decision]) -> list[str]:
    """Return decisions in columns, one in a line."""
    rows = [decision.row for decision in decisions]
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{name:{names}}  {value:{values}}  {why}" for name, value, why in rows]
