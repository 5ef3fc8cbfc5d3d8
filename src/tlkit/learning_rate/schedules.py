"""What a schedule is, and one whose number of steps the trainer fills in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from tlkit._keras.types import Tensor
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
        lowest = self.peak.min_lr if isinstance(self.peak, ExponentialLRFinder) else self.peak
        if not (lowest > 0 and math.isfinite(lowest)):
            raise TrainingError(f"{self!r}: peak must be a finite number above 0.")
        if not 0 <= self.warmup < 1:
            raise TrainingError(f"{self!r}: warmup must be a share of the steps, in [0, 1).")
        # The search may answer with its smallest rate, and is too long to be refused afterwards.
        if not 0 <= self.end <= lowest:
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

        if isinstance(self.peak, ExponentialLRFinder):
            raise TrainingError(
                f"{self!r}: the peak is still to be searched for, which a Stage does. For a "
                "schedule of your own call finder.find(...) and give its suggestion as the peak."
            )
        # A float, because Keras would count with the whole numbers of an integer.
        peak = float(self.peak)
        # At least one step is left for the cosine, which cannot be of no length.
        warm = min(round(self.warmup * steps), steps - 1)
        alpha = float(self.end) / peak
        rise = {"warmup_target": peak, "warmup_steps": warm} if warm else {}
        schedule: Schedule = CosineDecay(0.0 if warm else peak, steps - warm, alpha, **rise)
        return schedule
