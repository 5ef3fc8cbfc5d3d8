"""What a training may take: time, or a number of training steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tlkit._numbers import is_whole
from tlkit.errors import TrainingError
from tlkit.training.planning.duration import seconds_text

# What a user gives: "10 min", a number of steps, or None for no limit.
BudgetLike = str | int | None
_UNITS = {1: "s sec secs second seconds", 60: "min mins minute minutes", 3600: "h hour hours"}
_SECONDS = {name: seconds for seconds, names in _UNITS.items() for name in names.split()}
_PART = r"(\d+(?:\.\d+)?)\s*([a-z]+)"


@dataclass(frozen=True)
class Budget:
    """What a training may take; either of both.

    Args:
        seconds: From the call to the trained model, above 0.
        steps: Of training, at least 1.
    """

    seconds: float | None = None
    steps: int | None = None

    @classmethod
    def of(cls, given: BudgetLike) -> Budget | None:
        """Return what a user gave; None where there is no limit.

        Raises:
            TrainingError: It is neither a time above 0 nor a number of steps.

        Example:
            >>> Budget.of("1.5 h"), Budget.of("1 min 30 s").seconds, Budget.of(300).steps
            (Budget(seconds=5400.0, steps=None), 90.0, 300)
        """
        if given is None:
            return None
        if is_whole(given, 1):
            return cls(steps=int(given))
        seconds = _seconds(given) if isinstance(given, str) else 0.0
        if not seconds:
            raise TrainingError(
                f"budget={given!r}; expected a time above 0, such as '90 s', '10 min' or '2 h'; a "
                "number of training steps from 1, such as 300; or None for as long as it takes."
            )
        return cls(seconds=seconds)

    def __str__(self) -> str:
        return f"{self.steps:,} steps" if self.seconds is None else seconds_text(self.seconds)


def _seconds(text: str) -> float:
    """Return the seconds that a text tells; 0 where it tells none."""
    text = text.strip().lower()
    parts = re.findall(_PART, text)
    known = all(unit in _SECONDS for _, unit in parts)
    if not known or not re.fullmatch(rf"(?:{_PART}\s*)+", text):
        return 0.0
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
