"""How far two arrays of features are apart, and whether that is only rounding."""

from __future__ import annotations

import math

import numpy as np

from tlkit.testing.failure import expect


def deviation(received: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference as a share of the largest expected magnitude.

    Not numbers (NaN) and infinities agree with their like: that features are finite is a check
    of its own, and one fault should not fail all others too.

    Args:
        received: Floats of any shape.
        expected: Floats of the same shape.

    Returns:
        0 where all agree; infinite where one is a finite number and the other is not, or where
        all expected are zero and a received one is not.
    """
    received, expected = received.astype("float64"), expected.astype("float64")
    differ = (received != expected) & ~(np.isnan(received) & np.isnan(expected))
    if not differ.any():
        return 0.0
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(received - expected)[differ].max())
    scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    return largest / scale if math.isfinite(largest) and scale > 0 else math.inf


def expect_same(
    received: np.ndarray, expected: np.ndarray, tolerance: float, what: str, advice: str
) -> None:
    """Fail a check where two arrays are further apart than rounding explains.

    Args:
        received: Floats of any shape.
        expected: Floats of the same shape.
        tolerance: Largest `deviation` that passes.
        what: The beginning of the message, which says which two were compared.
        advice: Its end, which says where to look.
    """
    found = deviation(received, expected)
    expect(
        found <= tolerance,
        f"{what} differ by {found:.1e} of the largest magnitude, expected at most "
        f"{tolerance:.0e}. {advice}",
    )
