"""What the checks of a backbone found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tlkit._printing import Printed, one_line

Outcome = Literal["passed", "waived", "failed"]


@dataclass(frozen=True, repr=False)
class CheckResult(Printed):
    """What one check found.

    Args:
        name: The check's name in ``BACKBONE_CHECKS``.
        outcome: ``"passed"``, ``"waived"`` (it fails, and the author says why) or ``"failed"``.
        seconds: How long it took.
        note: What a passed check saw, the reason of a waiver, or what is wrong.
        error: What a failed check raised, else None.
    """

    name: str
    outcome: Outcome
    seconds: float
    note: str = ""
    error: Exception | None = None

    def __repr__(self) -> str:
        return one_line(f"CheckResult({self.name!r}, {self.outcome!r}, {self.note!r})")

    def __str__(self) -> str:
        first_line = self.note.partition("\n")[0]
        return f"{self.name:<20}{self.outcome:<8}{self.seconds:6.1f} s  {first_line}".rstrip()


@dataclass(frozen=True, repr=False)
class CheckReport(Printed):
    """What all checks of a backbone found; ``print`` shows it as a table.

    Args:
        backbone: The backbone's name.
        results: One for each check, in the order of ``BACKBONE_CHECKS``.
    """

    backbone: str
    results: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Results of the checks that failed."""
        return self._of("failed")

    @property
    def waived(self) -> tuple[CheckResult, ...]:
        """Results of the checks that fail and are waived."""
        return self._of("waived")

    @property
    def seconds(self) -> float:
        """How long all checks took."""
        return sum(result.seconds for result in self.results)

    def __repr__(self) -> str:
        return one_line(f"CheckReport({self._headline})")

    def __str__(self) -> str:
        return "\n".join([self._headline, *(f"  {result}" for result in self.results)])

    @property
    def _headline(self) -> str:
        head = f"{self.backbone}: {len(self.results)} checks in {self.seconds:.1f} s"
        for outcome, found in (("failed", self.failed), ("waived", self.waived)):
            head += f", {len(found)} {outcome}" if found else ""
        return head

    def _of(self, outcome: Outcome) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if result.outcome == outcome)
