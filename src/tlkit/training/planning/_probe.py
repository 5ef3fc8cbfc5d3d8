"""The plan of a `ProbeStage`, which trains no step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.traces import predict_on_batch
from tlkit.freezing.phase import Phase
from tlkit.probing.probe import fitted_reading
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
# The regression is timed on so many pictures and classes at most; it takes time in proportion.
_PICTURES, _CLASSES = 1300, 50
# Pictures that are easier or harder to tell apart need fewer or more steps.
_UNSURE = 2.0


def rehearsal_of(
    session: RehearsedSession, stage: Stage, files: StageFiles | None, scratch: Path | None
) -> StageRehearsal:
    """Return what makes the plan of a stage; see `StageRehearsal`."""
    kind = _ProbeRehearsal if isinstance(stage, ProbeStage) else StageRehearsal
    return kind(session, stage, files, scratch)


class _ProbeRehearsal(StageRehearsal):
    """A probe whose features are asked for, and whose regression is timed on others."""

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
        session, stage = self._rehearsal, self._stage
        assert isinstance(stage, ProbeStage)
        size = stage.batch_size
        train, held_out = len(session.train), len(session.validation or ())
        # Through what lies above the trunk: for its figures, and without one for features as well.
        passes = (1 if phase.trunk is not None else 2) * -(-train // size) + -(-held_out // size)
        (head,) = (layer for layer in phase.live if layer.trainable_weights)
        width, classes = head.weights[0].shape
        solving = solving_time(train, width, max(classes, 2), stage.folds)
        tail = TailCost(startup, 0.0, batch * passes + solving, batch, Duration())
        return PhaseCost(once(choosing), image, tail, Duration())

    def _forward(self, phase: Phase, inputs: Inputs) -> tuple[float, Duration]:
        """Return the seconds to trace the tail, and those of a batch through it."""
        count = min(self._stage.batch_size, len(self._rehearsal.train))
        times = []
        for _ in range(_TIMED):
            start = time.perf_counter()
            predict_on_batch(phase.tail, inputs(np.arange(count), 0))
            times.append(time.perf_counter() - start)
        batch = Duration.of(times[1:])
        return max(0.0, times[0] - batch.seconds), batch


def solving_time(count: int, width: int, classes: int, folds: int) -> Duration:
    """Return how long a regression takes, measured on features and labels made up for it.

    Args:
        count: Pictures.
        width: Numbers that are known of each.
        classes: 2 or more.
        folds: As for `tlkit.probe`.
    """
    known, told = min(count, _PICTURES), min(classes, _CLASSES)
    features, labels = _made_up(known, width, told)
    begun = time.perf_counter()
    fitted_reading(features, labels, told, folds=folds, seed=0, show=lambda *_: None)
    seconds = (time.perf_counter() - begun) * (count / known) * (classes / told)
    return Duration(seconds, seconds / _UNSURE, seconds * _UNSURE)


def _made_up(count: int, width: int, classes: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features as networks give them, and labels of which a tenth cannot be learned.

    Their directions vary less and less, each class has its centre, and none is below 0. On three
    data sets a regression took 0.6 to 1 times as long as with the real features.
    """
    random = np.random.default_rng(0)
    directions = min(count, width, 128)
    scale = np.arange(1, directions + 1) ** -0.7
    labels = np.arange(count) % classes
    centres = 2 * random.standard_normal((classes, directions))
    places = (random.standard_normal((count, directions)) + centres[labels]) * scale
    features = places @ random.standard_normal((directions, width))
    features += 0.3 * random.standard_normal((count, width))
    wrong = random.random(count) < 0.1
    labels[wrong] = random.permutation(labels)[wrong]
    return np.maximum(features, 0).astype(np.float32), labels
