"""A learning rate in whichever form it was given: the one place that tells the forms apart."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, cast

import numpy as np

from tlkit._keras.describe import described
from tlkit.errors import TrainingError
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.schedules import (
    PEAKED,
    OneCycle,
    Schedule,
    Staircase,
    WarmupCosine,
    is_schedule,
)

# What an optimizer takes.
PhaseRate = float | Schedule
# What a stage takes; a function is called with the number of steps of the stage.
LearningRate = (
    float
    | np.floating[Any]
    | np.integer[Any]
    | Schedule
    | Callable[[int], PhaseRate]
    | WarmupCosine
    | OneCycle
    | Staircase
    | ExponentialLRFinder
)


@dataclass(frozen=True)
class Rate:
    """What a stage was given for its learning rate.

    Args:
        given: A float above 0, a Keras schedule, a function of the number of steps that makes one,
            or a finder. `Rate.of` takes every kind of number.

    Raises:
        TrainingError: It is none of these.

    Example:
        >>> Rate.of(1).for_phase(steps=100)
        1.0
        >>> Rate.of(WarmupCosine(peak=0.1)).depends_on_length
        True
    """

    given: LearningRate

    @classmethod
    def of(cls, given: LearningRate) -> Rate:
        """Return a learning rate; numbers of Python and of NumPy become a float."""
        return cls(float(cast(float, given)) if _is_number(given) else given)

    def __post_init__(self) -> None:
        if isinstance(self.given, float):
            if not (math.isfinite(self.given) and self.given > 0):
                raise TrainingError(
                    f"learning_rate={self.given!r}, expected a finite number above 0."
                )
        elif not (is_schedule(self.given) or self.finder or _takes_steps(self.given)):
            raise TrainingError(
                f"learning_rate={self.given!r}, expected a number, a Keras LearningRateSchedule, "
                "a function of the number of steps that makes one, such as "
                "WarmupCosine(peak=0.001), or an ExponentialLRFinder."
            )

    @property
    def finder(self) -> ExponentialLRFinder | None:
        """What is to be searched before the rate can be used, or None."""
        rate = self.given.peak if isinstance(self.given, PEAKED) else self.given
        return rate if isinstance(rate, ExponentialLRFinder) else None

    def with_found(self, found: float) -> Rate:
        """Return the rate with what its search found in the place of the finder."""
        if isinstance(self.given, PEAKED):
            return Rate(replace(self.given, peak=found))
        return Rate.of(found)

    @property
    def depends_on_length(self) -> bool:
        """Whether a stage of fewer steps would have had other rates."""
        return callable(self.given) and not is_schedule(self.given)

    def for_phase(self, *, steps: int, start: int = 0) -> PhaseRate:
        """Return what the optimizer of a phase takes.

        Args:
            steps: All steps of the stage.
            start: Steps of the stage before the phase: a schedule goes on there.

        Raises:
            TrainingError: The rate is still to be searched for, or a function made no schedule.
        """
        rate = self._made(steps)
        return _adjusted(rate, start=start) if start and not isinstance(rate, float) else rate

    def described(self) -> float | str:
        """Return the number, or in words what rules it."""
        return self.given if isinstance(self.given, float) else described(self.given)

    def _made(self, steps: int) -> PhaseRate:
        if self.finder is not None:
            raise TrainingError(
                f"learning_rate={self.given!r} is still to be searched for: call finder.find(...) "
                "and use its suggestion."
            )
        if isinstance(self.given, float) or is_schedule(self.given):
            return cast(PhaseRate, self.given)
        made = cast(Callable[[int], PhaseRate], self.given)(steps)
        if not (_is_number(made) or is_schedule(made)):
            raise TrainingError(
                f"learning_rate={self.given!r} made {made!r} of {steps} steps, expected a Keras "
                "LearningRateSchedule."
            )
        return cast(PhaseRate, Rate.of(made).given)


def scaled(rate: PhaseRate, factor: float) -> PhaseRate:
    """Return what an optimizer takes, times a factor."""
    return rate * factor if isinstance(rate, float) else _adjusted(rate, factor=factor)


def _adjusted(schedule: Schedule, *, start: int = 0, factor: float = 1.0) -> Schedule:
    # Here, because it loads Keras, which a rate among the settings of a stage needs not.
    from tlkit.learning_rate._adjusted import Adjusted

    return Adjusted(schedule, start=start, factor=factor)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _takes_steps(value: object) -> bool:
    """Return whether a value can be called with a number of steps alone."""
    # These classes would take it, for their first setting.
    if not callable(value) or value in (*PEAKED, Staircase, ExponentialLRFinder):
        return False
    try:
        inspect.signature(value).bind(1)
    except TypeError:
        return False
    except ValueError:  # of functions in C, some do not say what they take
        return True
    return True
