"""What stages would cost, asked before it is known which of them will be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlkit._keras.types import Layer
from tlkit.training.loop._conflicts import check_conflicts
from tlkit.training.planning._probe import rehearsal_of
from tlkit.training.planning._session import RehearsedSession
from tlkit.training.planning.stage_plan import PlannedWork, StagePlan
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class StageCosts:
    """Plan stages, each as if the last one that was asked for had not been.

    Args:
        session: Of the plan.
        start: What is done before the first stage.
        scratch: A folder for a checkpoint; None where the training keeps none.
    """

    session: RehearsedSession
    start: tuple[PlannedWork, ...]
    scratch: Path | None

    @property
    def layers(self) -> Sequence[Layer]:
        """The backbone's, from the input to the output."""
        return self.session.parts.backbone

    @property
    def images(self) -> int:
        """How many there are to train on."""
        return len(self.session.train)

    @property
    def engines_kept(self) -> bool:
        """Whether a training that follows finds the engines that were chosen here."""
        return self.session.settings.cache is not False

    def of(self, stage: Stage) -> StagePlan:
        """Return what a stage will do; the model is left as it was.

        Raises:
            TlkitError: The stage cannot be run.
        """
        check_conflicts(self.session, (stage,))
        model = self.session.parts.model
        weights = model.get_weights()
        try:
            return rehearsal_of(self.session, stage, None, self.scratch).plan()
        finally:
            model.set_weights(weights)
