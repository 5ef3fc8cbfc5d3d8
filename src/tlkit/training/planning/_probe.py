"""The plan of a `ProbeStage`, which trains no step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tlkit.freezing.phase import Phase
from tlkit.probing.probe import regression_seconds
from tlkit.training.feeding.feed import Inputs
from tlkit.training.planning._phase_cost import PhaseCost
from tlkit.training.planning._session import Asked, RehearsedSession
from tlkit.training.planning._stage import StageRehearsal
from tlkit.training.planning._tail_cost import TailCost
from tlkit.training.planning.duration import Duration, once
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.run_dir.stage_files import StageFiles
from tlkit.training.stage import Stage

_TIMED = 3  # batches


def rehearsal_of(
    session: RehearsedSession, stage: Stage, files: StageFiles | None, scratch: Path | None
) -> StageRehearsal:
    """Return what makes the plan of a stage; see `StageRehearsal`."""
    kind = _ProbeRehearsal if isinstance(stage, ProbeStage) else StageRehearsal
    return kind(session, stage, files, scratch)


class _ProbeRehearsal(StageRehearsal):
    """A probe whose features are asked for, and whose regressions are reckoned."""

    @property
    def _steps(self) -> int:
        return 0

    def _measured(
        self,
        phase: Phase,
        inputs: tuple[Inputs, Inputs | None],
        span: tuple[int, int],  # noqa: ARG002
        asked: Sequence[Asked],
        choosing: float,
    ) -> PhaseCost:
        image = self._image(asked)
        startup, batch = self._forward(phase, inputs[0])
        session, size = self._rehearsal, self._stage.batch_size
        train, held_out = len(session.train), len(session.validation or ())
        # Through what lies above the trunk: for its figures, and without one for features as well.
        passes = (1 if phase.trunk is not None else 2) * -(-train // size) + -(-held_out // size)
        (head,) = (layer for layer in phase.live if layer.trainable_weights)
        width, classes = head.weights[0].shape
        solving = once(regression_seconds(train, width, max(classes, 2)))
        tail = TailCost(startup, 0.0, batch * passes + solving, batch, Duration())
        return PhaseCost(once(choosing), image, tail, Duration())

    def _forward(self, phase: Phase, inputs: Inputs) -> tuple[float, Duration]:
        """Return the seconds to trace the tail, and those of a batch through it."""
        count = min(self._stage.batch_size, len(self._rehearsal.train))
        times = []
        for _ in range(_TIMED):
            start = time.perf_counter()
            phase.tail.predict_on_batch(inputs(np.arange(count), 0))
            times.append(time.perf_counter() - start)
        batch = Duration.of(times[1:])
        return max(0.0, times[0] - batch.seconds), batch
