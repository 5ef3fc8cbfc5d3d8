"""SmoothedMinimum: the rate of the smallest smoothed loss among calm points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit._numbers import is_number
from tlkit.errors import LearningRateError, SelectorError
from tlkit.learning_rate.selectors._refusals import (
    TIE,
    check_window,
    first_minimum,
    readable,
    refuse_edges,
    smoothed,
    total_fall,
)
from tlkit.learning_rate.selectors.selector import Curve
from tlkit.learning_rate.selectors.smoothing import Floats, centred_maximum, running_median


@dataclass(frozen=True)
class SmoothedMinimum:
    """The study's rule: the rate of the smallest smoothed loss among calm points.

    With losses ``y_i`` in the order of their rates, ``W(i)`` the ``window`` points centred on ``i``
    (equal steps in log rate), and only points whose window is full:

    * ``z`` is ``y`` without single-point spikes (running median of three);
    * the smoothed loss is ``s_i = mean of z_j, j in W(i)``;
    * the fall is ``D = s_first - min_i s_i``: what the sweep gained;
    * the roughness is ``r_j = |y_j - median of y over W(j)| / D``, taken from the raw losses;
    * the volatility is ``v_i = max of r_j, j in W(i)``, a pure number without scale;
    * a point is calm if ``v_i <= max_volatility``;
    * the answer is the rate of the smallest ``s_i`` among calm points; of equals, the smallest.

    A steep but steady stretch has roughness 0, because a monotone run is its own running median.
    The default 0.5 says: no point near the answer strays from its neighbours by more than half of
    what the sweep gained.

    Source: stage 4 of the Rakuten study ("the learning rate with the smallest loss, provided that
    the values around it are not too volatile"); smoothing after J. W. Tukey, "Exploratory Data
    Analysis", 1977, chapter 7.

    Args:
        window: Points in the window, odd, at least 3.
        max_volatility: Largest volatility of a calm point, above 0.

    Raises:
        SelectorError: If the curve has fewer than ``window + 4`` points, is flat, never falls below
            its start, is still falling at its end, or is calm nowhere useful.

    Example:
        >>> from tlkit import LRCurve, SmoothedMinimum
        >>> rates = [10.0**e for e in range(-9, 2)]
        >>> losses = [25, 16, 9, 4, 1, 0, 1, 4, 9, 16, 25]
        >>> f"{SmoothedMinimum(window=3)(LRCurve(rates, losses)):.0e}"
        '1e-04'
    """

    window: int = 5
    max_volatility: float = 0.5

    def __post_init__(self) -> None:
        check_window(self.window)
        if not (is_number(self.max_volatility) and self.max_volatility > 0):
            raise LearningRateError(
                f"max_volatility={self.max_volatility!r}: expected a number above 0, "
                "such as the default 0.5."
            )

    def __call__(self, curve: Curve) -> float:
        """Return the rate that this rule chooses."""
        curve = readable(curve, self.window + 4)
        smooth, calm = self.smooth(curve), self._calm(curve)
        if not calm.any():
            raise SelectorError(
                f"no point of the curve is calm: every window of {self.window} points holds a loss "
                f"that strays by more than {self.max_volatility:g} of the whole fall. "
                "Sweep over more data per rate, or allow a larger max_volatility."
            )
        index = first_minimum(np.where(calm, smooth, np.inf), total_fall(smooth))
        refuse_edges(curve, index, np.flatnonzero(np.isfinite(smooth)))
        return float(curve.learning_rates[index])

    def smooth(self, curve: Curve) -> Floats:
        """Return the smoothed losses ``s_i``; NaN where the window is not full."""
        return smoothed(curve, self.window)

    def volatility(self, curve: Curve) -> Floats:
        """Return the volatility ``v_i`` of each point; NaN where the window is not full.

        Raises:
            SelectorError: If the curve is too short, flat, no more than noise, or never falls below
                its start.
        """
        fall = total_fall(self.smooth(readable(curve, self.window + 4)))
        rough = np.abs(curve.losses - running_median(curve.losses, self.window)) / fall
        return centred_maximum(rough, self.window)

    def _calm(self, curve: Curve) -> NDArray[np.bool_]:
        return self.volatility(curve) <= self.max_volatility * (1 + TIE)

    def reason(self, curve: Curve) -> str:
        """Say why this rate was chosen."""
        curve = readable(curve, self.window + 4)
        smooth, calm = self.smooth(curve), self._calm(curve)
        lowest = smooth[curve.learning_rates == self(curve)][0]
        full = int(np.isfinite(smooth).sum())
        return (
            f"smallest {self.window}-point loss {lowest:.4g} "
            f"among {int(calm.sum())} calm points of {full}"
        )
