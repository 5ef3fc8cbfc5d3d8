"""Steepest: the rate at which the loss falls fastest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import SelectorError
from tlkit.learning_rate.selectors._refusals import (
    LOWER,
    TIE,
    check_window,
    first_minimum,
    readable,
    smoothed,
)
from tlkit.learning_rate.selectors.selector import Curve
from tlkit.learning_rate.selectors.smoothing import Floats


@dataclass(frozen=True)
class Steepest:
    """The rate at which the smoothed loss falls fastest per decade.

    ``argmin_i ds_i / dlog10(rate_i)`` with ``s`` smoothed as in `SmoothedMinimum`, the
    second-order differences of ``numpy.gradient``, and ``i`` up to the smallest ``s``: a fall back
    from a divergence is no progress. By log rate, not by index and not by rate: those are other
    points. Of equals, the smallest rate. A curve that falls to its end is welcome; one that falls
    evenly, or never, is refused.

    Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, and
    fastai's suggestion "steep".

    Args:
        window: Points in the smoothing window, odd, at least 3.
    """

    window: int = 5

    def __post_init__(self) -> None:
        check_window(self.window)

    def __call__(self, curve: Curve) -> float:
        """Return the rate that this rule chooses."""
        curve = readable(curve, self.window + 4)
        points, slope = self._slopes(curve)
        steepest = -slope.min()
        if steepest <= 1e-12 * np.abs(curve.losses).min():
            raise SelectorError(f"the loss never falls along the curve. {LOWER}, or train longer.")
        if np.ptp(slope) <= TIE * steepest:
            raise SelectorError("the loss falls evenly: no rate is steeper than the others.")
        return float(curve.learning_rates[points[first_minimum(slope, steepest)]])

    def reason(self, curve: Curve) -> str:
        """Say why this rate was chosen."""
        fastest = -self._slopes(readable(curve, self.window + 4))[1].min()
        return f"fastest fall, {fastest:.3g} per decade of rate, {self.window}-point smoothing"

    def _slopes(self, curve: Curve) -> tuple[NDArray[np.intp], Floats]:
        """Return the indices of the points on the way down, and ds / dlog10(rate) at each."""
        smooth = smoothed(curve, self.window)
        points = np.flatnonzero(np.isfinite(smooth))
        slope = np.gradient(smooth[points], np.log10(curve.learning_rates[points]))
        down = slice(max(1, int(np.argmin(smooth[points])) + 1))
        return points[down], slope[down]
