"""The parts of a stage with their times, from what was rehearsed of its phases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlkit._printing import counted
from tlkit.training.planning._phase_cost import PhaseCost, filled
from tlkit.training.planning._session import Asked, RehearsedSession
from tlkit.training.planning.duration import Duration, once, total
from tlkit.training.planning.stage_plan import PlannedWork
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class Rehearsed:
    """A phase as it would be run.

    Args:
        epochs: To train.
        asked: Images whose features it needs beforehand.
        anew: Name of the engine that runs the trunk in every epoch; empty where none does.
        cut: The layer behind which the model is cut; empty where it is not.
        floats: Numbers that come out of the frozen part below it; 0 where there is none.
        decoded: How many images are decoded for what it needs beforehand, and for its epochs.
        searched: Steps of a search before it.
        cost: Where it was measured.
    """

    epochs: int
    asked: Sequence[Asked]
    anew: str
    cut: str
    floats: int
    decoded: tuple[int, int]
    searched: int
    cost: PhaseCost | None

    @property
    def missing(self) -> int:
        """How many images go through the trunk beforehand."""
        return sum(one.missing for one in self.asked)


# What was decided before costs no time.
_NOTHING_S = 0.05
Both = Sequence[tuple[Rehearsed, PhaseCost]]


def stage_work(
    stage: Stage, phases: Sequence[Rehearsed], steps: int, session: RehearsedSession
) -> Iterator[PlannedWork]:
    """Yield the parts of a stage.

    Args:
        stage: The settings.
        phases: Those that are run.
        steps: Of an epoch.
        session: Of the plan.
    """
    costs = filled([phase.cost for phase in phases])
    both = list(zip(phases, costs, strict=True))
    yield from _choosing(both)
    yield from _decoding(both, session)
    yield from _features(both)
    yield from _search(stage, both, steps)
    yield _solving(both) if isinstance(stage, ProbeStage) else _training(both, steps)


def epoch_time(phases: Sequence[Rehearsed]) -> tuple[Duration, Duration]:
    """Return how long an epoch takes, and of it validation, on average over what is run."""
    costs = filled([phase.cost for phase in phases])
    epochs = sum(phase.epochs for phase in phases)
    both = [(cost, phase.epochs / epochs) for phase, cost in zip(phases, costs, strict=True)]
    whole = total(cost.epoch * share for cost, share in both)
    return whole, total(cost.tail.validation * share for cost, share in both)


def _choosing(both: Both) -> Iterator[PlannedWork]:
    chosen = [cost.choosing for _, cost in both if cost.choosing.seconds > 0]
    if total(chosen).seconds > _NOTHING_S:
        what = "compare engines for the frozen part"
        yield PlannedWork("engine", what, len(chosen), "trunks", total(chosen))


def _decoding(both: Both, session: RehearsedSession) -> Iterator[PlannedWork]:
    count = sum(sum(phase.decoded) for phase, _ in both)
    if not count:
        return
    times = []
    for phase, cost in both:
        before, later = phase.decoded
        if before and cost.image is not None:
            times.append(cost.image.decoding * before)
        if later:
            times.append(session.decoding * later)
    yield PlannedWork("images", "decode images", count, "images", total(times))


def _features(both: Both) -> Iterator[PlannedWork]:
    asked = [one for phase, _ in both for one in phase.asked]
    if not asked:
        return
    read = sum(one.count - one.missing for one in asked)
    missing = sum(phase.missing for phase, _ in both)
    where = " and ".join(dict.fromkeys(phase.cut for phase, _ in both if phase.asked))
    if missing:
        engines = " and ".join(dict.fromkeys(one.engine for one in asked if one.missing))
        times = [
            cost.image.trunk * phase.missing + once(cost.image.once)
            for phase, cost in both
            if phase.missing and cost.image is not None
        ]
        what = f"frozen part, up to {where}, on {engines}"
        yield PlannedWork("features", what, missing, "images", total(times))
    if read:
        yield PlannedWork("features", f"read features of {where}", read, "images", Duration())


def _search(stage: Stage, both: Both, steps: int) -> Iterator[PlannedWork]:
    phase, cost = both[0]
    if not phase.searched or stage.finder is None:
        return
    tail = cost.tail
    each = tail.training * (phase.searched / steps)
    if stage.finder.unit == "batch":
        each = tail.step * phase.searched
    what = f"search for a learning rate, {counted(stage.finder.steps, 'rate')}"
    time = each + once(tail.tracing)
    yield PlannedWork("search", what, phase.searched, "steps", time)


def _solving(both: Both) -> PlannedWork:
    times = [once(cost.tail.startup) + cost.epoch * phase.epochs for phase, cost in both]
    return PlannedWork("training", "logistic regression of the head", 1, "", total(times))


def _training(both: Both, steps: int) -> PlannedWork:
    epochs = sum(phase.epochs for phase, _ in both)
    times = [once(cost.tail.startup) + cost.epoch * phase.epochs for phase, cost in both]
    what = f"training, {counted(epochs, 'epoch')}"
    if len(both) > 1:
        what += f" in {len(both)} phases"
    anew = dict.fromkeys(phase.anew for phase, _ in both if phase.anew)
    if anew:
        what += f", the frozen part anew in each, on {' and '.join(anew)}"
    return PlannedWork("training", what, epochs * steps, "steps", total(times))
