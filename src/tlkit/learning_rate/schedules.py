"""What a schedule is, and those whose number of steps the trainer fills in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from tlkit._keras.types import Tensor
from tlkit._numbers import is_number
from tlkit.errors import TrainingError
from tlkit.learning_rate.finder import ExponentialLRFinder

# Number of a step: Keras counts them in a variable of its backend.
Step = int | Tensor


class Schedule(Protocol):
    """A ``keras.optimizers.schedules.LearningRateSchedule``."""

    def __call__(self, step: Step) -> Any:
        """Return the rate of a step."""

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""


def is_schedule(value: object) -> bool:
    """Return whether a value is a Keras schedule."""
    # By name, because settings are checked without loading Keras.
    return any(kind.__name__ == "LearningRateSchedule" for kind in type(value).__mro__)


@dataclass(frozen=True)
class WarmupCosine:
    """A straight line up from 0 to the peak, then half a cosine down, over all steps of a stage.

    With N steps, of which ``w = round(warmup * N)`` warm up, step t has the rate ``peak * t / w``
    for t < w, and ``end + (peak - end) * (1 + cos(pi * (t - w) / (N - w))) / 2`` from there on. The
    schedule is Keras's own ``CosineDecay``.

    Sources: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017,
    https://arxiv.org/abs/1608.03983, equation 5, without restarts; Goyal et al., Accurate, Large
    Minibatch SGD, 2017, https://arxiv.org/abs/1706.02677, section 2.2, for the warm-up.

    Args:
        peak: The highest rate, above 0; or an `ExponentialLRFinder`, which the stage searches
            first and whose suggestion is then the peak.
        warmup: Share of the steps that warm up, in [0, 1).
        end: The rate that is approached at the end, from 0 to ``peak``; with a finder to its
            ``min_lr``.

    Raises:
        TrainingError: A value out of its range.

    Example:
        >>> import tlkit
        >>> stage = tlkit.Stage("fine", epochs=10, learning_rate=tlkit.WarmupCosine(peak=1e-3))
        >>> stage.learning_rate
        WarmupCosine(peak=0.001, warmup=0.1, end=0.0)
    """

    peak: float | ExponentialLRFinder
    warmup: float = 0.1
    end: float = 0.0

    def __post_init__(self) -> None:
        searched = isinstance(self.peak, ExponentialLRFinder)
        lowest = _checked_peak(self)
        if not (is_number(self.warmup) and 0 <= self.warmup < 1):
            raise TrainingError(f"{self!r}: warmup must be a share of the steps, in [0, 1).")
        # The search may answer with its smallest rate, and is too long to be refused afterwards.
        if not (is_number(self.end) and 0 <= self.end <= lowest):
            top = f"min_lr={lowest!r} of the search for the peak" if searched else "peak"
            raise TrainingError(f"{self!r}: end must be a rate from 0 to {top}.")

    def __call__(self, steps: int) -> Schedule:
        """Return the schedule of a stage.

        Args:
            steps: All steps of the stage, at least 1.

        Returns:
            A ``keras.optimizers.schedules.CosineDecay``.

        Raises:
            TrainingError: The peak is still to be searched for.
        """
        from keras.optimizers.schedules import CosineDecay

        peak = _found_peak(self)
        # At least one step is left for the cosine, which cannot be of no length.
        warm = min(round(self.warmup * steps), steps - 1)
        alpha = float(self.end) / peak
        rise = {"warmup_target": peak, "warmup_steps": warm} if warm else {}
        schedule: Schedule = CosineDecay(0.0 if warm else peak, steps - warm, alpha, **rise)
        return schedule


@dataclass(frozen=True)
class OneCycle:
    """Up to the peak and down to almost nothing, each by half a cosine, over all steps of a stage.

    With N steps, of which ``w = warmup * N`` go up, the rate rises from ``peak / div`` to the peak
    and falls from there to ``peak / final_div``. These are the rates of fastai's
    ``fit_one_cycle`` with its ``div``, ``div_final`` and ``pct_start``; the momentum, which it
    moves the other way, is the optimizer's own here and stays what it is.

    Sources: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates, 2018, https://arxiv.org/abs/1708.07120, section 3; fastai,
    https://docs.fast.ai/callback.schedule.html#learner.fit_one_cycle, for the cosines.

    Args:
        peak: The highest rate, above 0; or an `ExponentialLRFinder`, which the stage searches
            first and whose suggestion is then the peak.
        warmup: Share of the steps that go up, above 0 and below 1.
        div: How much smaller than the peak the first rate is, at least 1.
        final_div: How much smaller the last one is, at least 1.

    Raises:
        TrainingError: A value out of its range.

    Example:
        >>> import tlkit
        >>> rate = tlkit.OneCycle(peak=0.1, warmup=0.5, div=10)(steps=10)
        >>> [round(float(rate(step)), 3) for step in (0, 5, 10)]
        [0.01, 0.1, 0.0]
    """

    peak: float | ExponentialLRFinder
    warmup: float = 0.25
    div: float = 25.0
    final_div: float = 1e5

    def __post_init__(self) -> None:
        _checked_peak(self)
        if not (is_number(self.warmup) and 0 < self.warmup < 1):
            raise TrainingError(f"{self!r}: warmup must be a share of the steps, above 0, below 1.")
        for name in ("div", "final_div"):
            value = getattr(self, name)
            if not (is_number(value) and value >= 1 and math.isfinite(value)):
                raise TrainingError(f"{self!r}: {name} must be a finite number from 1.")

    def __call__(self, steps: int) -> Schedule:
        """Return the schedule of a stage, a ``keras.optimizers.schedules.LearningRateSchedule``.

        Args:
            steps: All steps of the stage, at least 1.

        Raises:
            TrainingError: The peak is still to be searched for.
        """
        from tlkit.learning_rate._pieces import Pieces

        peak = _found_peak(self)
        up = (self.warmup * steps, peak / self.div, peak)
        return Pieces([up, (steps, peak, peak / self.final_div)], cosine=True)


@dataclass(frozen=True)
class Staircase:
    """One rate after the other, each for its share of the steps of a stage.

    Args:
        rates: Above 0, one more than there are places in ``at``.
        at: Where the next rate begins, as rising shares of all steps, above 0 and below 1.
        warmup: Share of the steps, before the first of ``at``, in which the rate rises on a
            straight line from 0 to the first.

    Raises:
        TrainingError: Values that do not fit together.

    Example:
        >>> import tlkit
        >>> rate = tlkit.Staircase(rates=(0.1, 0.01), at=(0.5,), warmup=0.2)(steps=10)
        >>> [round(float(rate(step)), 3) for step in range(7)]
        [0.0, 0.05, 0.1, 0.1, 0.1, 0.01, 0.01]
    """

    rates: tuple[float, ...]
    at: tuple[float, ...] = ()
    warmup: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rates", "at"):
            given = getattr(self, name)
            if not (isinstance(given, (list, tuple)) and all(map(is_number, given))):
                raise TrainingError(f"{self!r}: {name} must be a list of numbers.")
            object.__setattr__(self, name, tuple(map(float, given)))
        if len(self.rates) != len(self.at) + 1:
            raise TrainingError(f"{self!r}: expected one more of rates than of at.")
        if not all(rate > 0 and math.isfinite(rate) for rate in self.rates):
            raise TrainingError(f"{self!r}: rates must be finite numbers above 0.")
        places = (0.0, *self.at, 1.0)
        if not all(one < other for one, other in pairwise(places)):
            raise TrainingError(f"{self!r}: at must be rising shares, above 0 and below 1.")
        if not (is_number(self.warmup) and 0 <= self.warmup <= places[1]):
            raise TrainingError(f"{self!r}: warmup must be a share from 0 to {places[1]}.")

    def __call__(self, steps: int) -> Schedule:
        """Return the schedule of a stage, a ``keras.optimizers.schedules.LearningRateSchedule``.

        Args:
            steps: All steps of the stage, at least 1.
        """
        from tlkit.learning_rate._pieces import Pieces

        ends = [round(place * steps) for place in (self.warmup, *self.at, 1.0)]
        firsts, lasts = (0.0, *self.rates), (self.rates[0], *self.rates)
        every = zip([0, *ends], ends, firsts, lasts, strict=False)
        return Pieces([(end, low, high) for begin, end, low, high in every if begin < end])


# Those whose peak a finder may find.
PEAKED = (WarmupCosine, OneCycle)


def _checked_peak(made: WarmupCosine | OneCycle) -> float:
    """Return the lowest that the peak can be."""
    lowest = made.peak.min_lr if isinstance(made.peak, ExponentialLRFinder) else made.peak
    if not (is_number(lowest) and lowest > 0 and math.isfinite(lowest)):
        raise TrainingError(f"{made!r}: peak must be a finite number above 0.")
    return lowest


def _found_peak(made: WarmupCosine | OneCycle) -> float:
    if isinstance(made.peak, ExponentialLRFinder):
        raise TrainingError(
            f"{made!r}: the peak is still to be searched for, which a Stage does. For a "
            "schedule of your own call finder.find(...) and give its suggestion as the peak."
        )
    # A float, because Keras would count with the whole numbers of an integer.
    return float(made.peak)
