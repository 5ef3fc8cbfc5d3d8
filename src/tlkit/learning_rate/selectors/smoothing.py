"""Robust smoothing of a loss curve: what a single wild point cannot bend.

All functions take and return float64 arrays of shape (n,) and treat the points as equally spaced,
which in log rate they are for every exponential sweep.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def running_median(values: Floats, window: int) -> Floats:
    """Return the median of each centred window, which shrinks, staying centred, at both ends.

    Args:
        values: Shape (n,), finite.
        window: Odd number of points.

    Returns:
        Shape (n,).
    """
    out = values.copy()
    half = min(window // 2, (len(values) - 1) // 2)
    for reach in range(1, half):
        out[reach] = np.median(values[: 2 * reach + 1])
        out[-1 - reach] = np.median(values[-2 * reach - 1 :])
    if half > 0:
        out[half : len(values) - half] = np.median(
            sliding_window_view(values, 2 * half + 1), axis=1
        )
    return out


def despiked(values: Floats) -> Floats:
    """Return the running median of three, with Tukey's rule for both end points.

    A spike of one point, however high or deep, disappears; a monotone stretch stays as it is.
    Source: J. W. Tukey, "Exploratory Data Analysis", 1977, chapter 7 (the smoother "3" with its
    end-value rule: ``z_0 = median(y_0, z_1, 3 z_1 - 2 z_2)``).

    Args:
        values: Shape (n,), finite, n >= 3.

    Returns:
        Shape (n,).
    """
    out = running_median(values, 3)
    out[0] = np.median([values[0], out[1], 3 * out[1] - 2 * out[2]])
    out[-1] = np.median([values[-1], out[-2], 3 * out[-2] - 2 * out[-3]])
    return out


def centred_mean(values: Floats, window: int) -> Floats:
    """Return the mean of each point's centred window; NaN where the window is not full."""
    out = np.full(len(values), np.nan)
    half = window // 2
    out[half : len(values) - half] = sliding_window_view(values, window).mean(axis=1)
    return out


def centred_maximum(values: Floats, window: int) -> Floats:
    """Return the largest value of each point's centred window; NaN where it is not full."""
    out = np.full(len(values), np.nan)
    half = window // 2
    out[half : len(values) - half] = sliding_window_view(values, window).max(axis=1)
    return out
