"""ShareOfFall: a rate large enough for most of what a sweep gained, and no larger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlkit._numbers import is_number
from tlkit.errors import LearningRateError
from tlkit.learning_rate.selectors._refusals import check_window, readable, smoothed, total_fall
from tlkit.learning_rate.selectors.selector import Curve
from tlkit.learning_rate.selectors.smoothing import Floats


@dataclass(frozen=True)
class ShareOfFall:
    """The smallest rate from which on, up to the minimum, a share of the whole fall has been made.

    With ``s`` smoothed as in `SmoothedMinimum`, its first value ``s_first`` and its minimum
    at ``m``, and the limit ``s_first - share * (s_first - s_m)``: the answer is the rate after the
    last point up to ``m`` that lies above the limit.

    In a sweep each rate goes on from what the rates before it have learned, so the loss may fall
    until just before it diverges, long after the rate has become too large to train with from the
    start. This rule does not wait for the minimum. A curve that falls to its end has an answer too,
    which then tends to be low.

    Source: tlkit's own. The default share, and the rule itself, were chosen on one half of 240
    labelled curves; docs/learning-rate.md has the figures of the other half.

    Args:
        share: Of the fall from the first smoothed loss to the smallest, in (0, 1).
        window: Points in the smoothing window, odd, at least 3.

    Raises:
        SelectorError: If the curve has fewer than ``window + 4`` points, is flat, or never falls
            below its start.

    Example:
        >>> from tlkit import LRCurve, ShareOfFall
        >>> rates = [10.0**e for e in range(-9, 2)]
        >>> losses = [100, 100, 100, 80, 50, 20, 10, 5, 0, 60, 200]
        >>> f"{ShareOfFall(window=3)(LRCurve(rates, losses)):.0e}"
        '1e-04'
    """

    share: float = 0.7
    window: int = 5

    def __post_init__(self) -> None:
        check_window(self.window)
        if not (is_number(self.share) and 0 < self.share < 1):
            raise LearningRateError(
                f"share={self.share!r}: expected a share of the fall, above 0 and below 1, such as "
                "the default 0.7."
            )

    def __call__(self, curve: Curve) -> float:
        """Return the rate that this rule chooses."""
        curve = readable(curve, self.window + 4)
        smooth = smoothed(curve, self.window)
        lowest = int(np.nanargmin(smooth))
        # A point without a full window is above no limit, and the first with one is above this.
        above = np.flatnonzero(smooth[:lowest] > self._limit(smooth))
        return float(curve.learning_rates[above[-1] + 1])

    def reason(self, curve: Curve) -> str:
        """Say why this rate was chosen."""
        limit = self._limit(smoothed(readable(curve, self.window + 4), self.window))
        return f"from here on the loss stays below {limit:.4g}: {self.share:.0%} of the whole fall"

    def _limit(self, smooth: Floats) -> float:
        first = smooth[np.isfinite(smooth)][0]
        return float(first - self.share * total_fall(smooth))
