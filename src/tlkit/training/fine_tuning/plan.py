"""What `fine_tune` decided and why, what it will run, and how long that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlkit._printing import Printed, html_table, one_line
from tlkit.training.planning.plan import TrainingPlan
from tlkit.training.recipes.decision import HEADER, Decision, decision_lines
from tlkit.training.stage import Stage
from tlkit.training.trainer import StagedTrainer


@dataclass(frozen=True, repr=False)
class FineTunePlan(Printed):
    """What `tlkit.fine_tune` will do, and why; it prints as two tables.

    Args:
        decisions: In the order of what happens.
        trainer: What will be trained: its ``fit`` with the same images is `tlkit.fine_tune`.
        work: What that runs, how long it takes on this machine, and the disk that it needs.
    """

    decisions: tuple[Decision, ...]
    trainer: StagedTrainer
    work: TrainingPlan

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What will be trained, in order."""
        return self.trainer.stages

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, settings as the code that makes them."""
        told = [
            {"name": x.name, "value": x.value_text, "reason": x.reason, "given": x.given}
            for x in self.decisions
        ]
        return {"decisions": told, **self.work.to_json()}

    def __repr__(self) -> str:
        stages = ", ".join(stage.name for stage in self.stages)
        return one_line(f"FineTunePlan({stages}: {self.work.time})")

    def __str__(self) -> str:
        return "\n".join([*decision_lines(self.decisions), "", str(self.work)])

    def _repr_html_(self) -> str:
        rows = [decision.row for decision in self.decisions]
        return html_table(HEADER, rows) + self.work._repr_html_()
