"""Selectors: from a loss curve to one learning rate, or an honest refusal.

A selector is any callable ``selector(curve) -> float``. The four here, and
:class:`~tlkit.learning_rate.selectors.share_of_fall.ShareOfFall`, raise
:class:`~tlkit.errors.SelectorError` with a reason where no rate can honestly be chosen: too few
points, a loss that is the same everywhere, that never falls or that never stops falling.
None of them looks at the absolute size of the loss: adding a constant to all losses, or multiplying
them by a positive one, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import LearningRateError, SelectorError
from tlkit.learning_rate.selectors._refusals import (
    LOWER,
    TIE,
    check_window,
    enough,
    first_minimum,
    refuse_edges,
    refuse_flat,
    smoothed,
    total_fall,
)
from tlkit.learning_rate.selectors.smoothing import Floats, centred_maximum, running_median

if TYPE_CHECKING:
    from tlkit.learning_rate.curve import LRCurve

Selector = Callable[["LRCurve"], float]


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
        if not self.max_volatility > 0:
            raise LearningRateError(
                f"max_volatility={self.max_volatility!r}: expected a number above 0, "
                "such as the default 0.5."
            )

    def __call__(self, curve: LRCurve) -> float:
        smooth = self.smooth(curve)
        calm = self._calm(curve)
        if not calm.any():
            raise SelectorError(
                f"no point of the curve is calm: every window of {self.window} points holds a loss "
                f"that strays by more than {self.max_volatility:g} of the whole fall. "
                "Sweep over more data per rate, or allow a larger max_volatility."
            )
        index = first_minimum(np.where(calm, smooth, np.inf), total_fall(smooth))
        refuse_edges(curve, index, np.flatnonzero(np.isfinite(smooth)))
        return float(curve.learning_rates[index])

    def smooth(self, curve: LRCurve) -> Floats:
        """The smoothed losses ``s_i``; NaN where the window is not full."""
        return smoothed(curve, self.window)

    def volatility(self, curve: LRCurve) -> Floats:
        """The volatility ``v_i`` of each point; NaN where the window is not full.

        Raises:
            SelectorError: If the curve is too short, flat, or never falls below its start.
        """
        fall = total_fall(self.smooth(curve))
        rough = np.abs(curve.losses - running_median(curve.losses, self.window)) / fall
        return centred_maximum(rough, self.window)

    def _calm(self, curve: LRCurve) -> NDArray[np.bool_]:
        return self.volatility(curve) <= self.max_volatility * (1 + TIE)

    def reason(self, curve: LRCurve) -> str:
        """Why this rate, in words."""
        smooth, calm = self.smooth(curve), self._calm(curve)
        lowest = smooth[curve.learning_rates == self(curve)][0]
        full = int(np.isfinite(smooth).sum())
        return (
            f"smallest {self.window}-point loss {lowest:.4g} "
            f"among {int(calm.sum())} calm points of {full}"
        )


@dataclass(frozen=True)
class Steepest:
    """The rate at which the smoothed loss falls fastest per decade.

    ``argmin_i ds_i / dlog10(rate_i)`` with ``s`` smoothed as in :class:`SmoothedMinimum`, the
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

    def __call__(self, curve: LRCurve) -> float:
        points, slope = self._slopes(curve)
        steepest = -slope.min()
        if steepest <= 1e-12 * np.abs(curve.losses).min():
            raise SelectorError(f"the loss never falls along the curve. {LOWER}, or train longer.")
        if np.ptp(slope) <= TIE * steepest:
            raise SelectorError("the loss falls evenly: no rate is steeper than the others.")
        return float(curve.learning_rates[points[first_minimum(slope, steepest)]])

    def reason(self, curve: LRCurve) -> str:
        """Why this rate, in words."""
        fastest = -self._slopes(curve)[1].min()
        return f"fastest fall, {fastest:.3g} per decade of rate, {self.window}-point smoothing"

    def _slopes(self, curve: LRCurve) -> tuple[NDArray[np.intp], Floats]:
        """Indices of the points on the way down, and ds / dlog10(rate) at each."""
        smooth = smoothed(curve, self.window)
        points = np.flatnonzero(np.isfinite(smooth))
        slope = np.gradient(smooth[points], np.log10(curve.learning_rates[points]))
        down = slice(max(1, int(np.argmin(smooth[points])) + 1))
        return points[down], slope[down]


@dataclass(frozen=True)
class Valley:
    """fastai's default: a point half-way down the longest valley.

    The longest strictly falling subsequence of the losses has ``L`` points and first reaches that
    length at index ``e``; with ``b = e - L`` the answer is the rate at ``b + int(L/3) + int(L/6)``.
    fastai's prose speaks of two thirds through the valley; its code, which this follows, takes the
    middle of the middle third. fastai runs it on losses averaged with factor 0.98 and without the
    first tenth and the last five points; here it sees the curve as it is. A loss that falls all
    the way is one long valley, whose middle is the answer.

    Source: fastai 2, ``fastai.callback.schedule.valley`` (after ESRI's ``arcgis.learn``).

    Raises:
        SelectorError: If no three losses fall one after the other.
    """

    def __call__(self, curve: LRCurve) -> float:
        length, end = _longest_fall(enough(curve, 3).losses)
        if length < 3:
            raise SelectorError(
                "the loss has no valley: no three of its points fall one after the other. "
                f"{LOWER}, or train longer."
            )
        return float(curve.learning_rates[end - length + length // 3 + length // 6])

    def reason(self, curve: LRCurve) -> str:
        """Why this rate, in words."""
        return f"middle of the longest valley ({_longest_fall(curve.losses)[0]} points)"


@dataclass(frozen=True)
class MinimumOverTen:
    """A tenth of the rate with the smallest loss.

    ``rate[argmin_i y_i] / 10`` on the raw losses. One wild point can move it: use it to compare.

    Source: fastai's suggestion "minimum" ("one-tenth the minimum before divergence").

    Raises:
        SelectorError: If the curve is flat or still falling at its end, or if a tenth of the rate
            lies below the curve.
    """

    def __call__(self, curve: LRCurve) -> float:
        losses = enough(curve, 3).losses
        refuse_flat(losses)
        index = int(np.argmin(losses))
        refuse_edges(curve, index, np.arange(len(losses)))
        rate = float(curve.learning_rates[index]) / 10
        if rate < curve.learning_rates[0]:
            raise SelectorError(
                f"a tenth of the best rate {curve.learning_rates[index]:.3g} lies below the curve, "
                f"which begins at {curve.learning_rates[0]:.3g}. {LOWER}."
            )
        return rate

    def reason(self, curve: LRCurve) -> str:
        """Why this rate, in words."""
        return f"a tenth of the rate with the smallest loss {curve.losses.min():.4g}"


def _longest_fall(losses: Floats) -> tuple[int, int]:
    """Length and last index of the longest strictly falling subsequence; the earliest such end."""
    lengths = np.ones(len(losses), dtype=np.int64)
    for i in range(1, len(losses)):
        lengths[i] += np.max(lengths[:i], where=losses[:i] > losses[i], initial=0)
    end = int(np.argmax(lengths))
    return int(lengths[end]), end
