"""How much of a recipe is run: all of it, or what a budget allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tlkit._keras.layers import is_batch_norm
from tlkit._keras.types import Layer
from tlkit._printing import counted
from tlkit.errors import TrainingError
from tlkit.freezing.policies import UnfreezeTop
from tlkit.freezing.policy import Policy
from tlkit.training.planning._costs import StageCosts
from tlkit.training.planning.duration import seconds_text
from tlkit.training.planning.stage_plan import StagePlan
from tlkit.training.stage import Stage

# Shares of the layers that are tried where all of them take too long.
_FRACTIONS = (0.5, 0.3, 0.15)
# A step forwards and backwards takes about so many times an image's way through a frozen network.
_STEP = 3.0
# To compile a training takes about so much of the time to build its network, and at least so long;
# it is done twice, to time steps and to train.
_TRACING, _TRACING_S = 4.0, 6.0


@dataclass(frozen=True)
class Extent:
    """How much of the fine-tuning is run.

    Args:
        epochs: Of it; 0 leaves it out.
        policy: What is fine-tuned.
        why: What a budget had to do with it, for people; empty where there is none.
    """

    epochs: int
    policy: Policy
    why: str = ""


def in_steps(full: Extent, steps: int, budget: int, *, fixed: bool) -> Extent:
    """Return what so many training steps allow.

    Args:
        full: Without a budget.
        steps: Of an epoch.
        budget: Training steps.
        fixed: Whether the caller gave the epochs.

    Raises:
        TrainingError: They are less than an epoch, or than the epochs that the caller gave.
    """
    least = full.epochs if fixed else 1
    if budget < least * steps:
        raise TrainingError(
            f"budget={budget} steps; expected at least {least * steps}, which are "
            f"{counted(least, 'epoch')} of {counted(steps, 'step')}. Give as many, a larger "
            "batch_size, or a time such as '2 min', which the recipe fits itself to."
        )
    epochs = min(full.epochs, budget // steps)
    why = f"{counted(epochs, 'epoch')} of {counted(steps, 'step')} fit"
    if epochs == full.epochs:
        why = f"enough: all of it is {counted(epochs * steps, 'step')}"
    return Extent(epochs, full.policy, why)


@dataclass(frozen=True)
class Clock:
    """A time from which a training is to be done.

    Args:
        begun: When, by ``time.perf_counter``.
        seconds: How long it may take.
    """

    begun: float
    seconds: float

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.seconds - (time.perf_counter() - self.begun)


@dataclass(frozen=True)
class Fitting:
    """Fit a recipe into a time: fewer epochs, then fewer layers, then the first stage alone.

    Args:
        costs: Of stages on this machine.
        clock: When it has to be done.
        first: The stage before; None where there is none, so that the last way is taken anyway.
        fine: Makes the stage of fine-tuning.
        full: Without a budget.
        floor: Fewer epochs than these are worse than fewer layers.
        only: Whether no other layers than those of ``full`` may be trained.
    """

    costs: StageCosts
    clock: Clock
    first: Stage | None
    fine: Callable[[Extent], Stage]
    full: Extent
    floor: int
    only: bool

    def extent(self) -> Extent:
        """Return what the time allows, from a measurement of each way that may fit."""
        building = sum(part.time.seconds for part in self.costs.start)
        begun = None if self.first is None else self.costs.of(self.first)
        before = building + (0.0 if begun is None else self._run_s(begun))
        least = max(_TRACING_S, _TRACING * building)
        # Of all layers: what is done once, and an epoch. What is known of it by now skips ways that
        # are not worth a measurement, which takes as long as what is done once.
        start, whole = least / 2, 0.0
        if begun is not None:
            whole = _STEP * _image_s(begun) * self.costs.images
        tried: list[str] = []
        for policy, forced in self._ways():
            share, left = _share(policy), self.clock.left() - before
            if left < max(least, share * (2 * start + whole * self.floor)) and not forced:
                tried += [f"{self._named(policy)} would take longer"] if left >= least else []
                continue
            once, epoch = self._measured(policy)
            fits = int((self.clock.left() - before - once) // epoch)
            epochs = max(self.floor, min(fits, self.full.epochs))
            takes = seconds_text(before + once + epoch * epochs)
            told = f"{self._named(policy)} for {counted(epochs, 'epoch')}"
            if fits >= self.floor or forced:
                return Extent(epochs, policy, "; ".join([*tried, f"{told}: about {takes}"]))
            tried.append(f"{told} would take {takes}")
            start, whole = once / share, epoch / share
        short = ["less than the least"] if self.clock.left() < before and not tried else []
        alone = f"the {self.first.name if self.first else ''} alone: about {seconds_text(before)}"
        return Extent(0, self.full.policy, "; ".join([*tried, *short, alone]))

    def _ways(self) -> Iterator[tuple[Policy, bool]]:
        """Yield what may be trained, most first, and whether it is, however long it takes."""
        ways = [self.full.policy, *(() if self.only else _fewer(self.costs.layers))]
        for number, policy in enumerate(ways, 1):
            yield policy, self.first is None and number == len(ways)

    def _measured(self, policy: Policy) -> tuple[float, float]:
        """Return the seconds of what is done once, and of an epoch."""
        plan = self.costs.of(self.fine(Extent(self.full.epochs, policy)))
        epoch = max(plan.epoch.seconds, 1e-6)
        return max(0.0, self._run_s(plan) - epoch * plan.epochs), epoch

    def _run_s(self, plan: StagePlan) -> float:
        """Return how long a stage takes once it is known which engine is the fastest."""
        known = self.costs.engines_kept
        return sum(part.time.seconds for part in plan.work if not (known and part.kind == "engine"))

    def _named(self, policy: Policy) -> str:
        if isinstance(policy, UnfreezeTop) and policy.fraction is not None:
            return f"the last {policy.fraction:.0%} of the layers"
        return repr(policy) if self.only else "all layers"


def _image_s(plan: StagePlan) -> float:
    """Return how long an image takes through the frozen part; 0 where that is not known."""
    work = [part for part in plan.work if part.kind == "features" and part.time.seconds]
    return work[0].time.seconds / work[0].count if work else 0.0


def _fewer(layers: Sequence[Layer]) -> Iterator[Policy]:
    """Yield ways to train fewer and fewer of a backbone's layers, as far as they differ."""
    trained = sum(map(_is_trained, layers))
    for fraction in _FRACTIONS:
        count = sum(map(_is_trained, layers[-max(1, round(fraction * len(layers))) :]))
        if 0 < count < trained:
            trained = count
            yield UnfreezeTop(fraction=fraction)


def _is_trained(layer: Layer) -> bool:
    return bool(layer.weights) and not is_batch_norm(layer)


def _share(policy: Policy) -> float:
    """Return about which share of the layers is trained."""
    return (isinstance(policy, UnfreezeTop) and policy.fraction) or 1.0
