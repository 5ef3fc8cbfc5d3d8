"""A threshold is a number in 0..1, and nothing that only becomes one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tlkit._thresholds import checked_thresholds

NAMES = ("a", "b")


@pytest.mark.parametrize(
    "given",
    [
        *(True, "0.5", b"0.5", None, float("nan"), -0.1, 1.1),
        *([True, False], ["0.5", "0.5"], {"a": "0.5", "b": "0.5"}, np.array([True, True])),
        *([0.5], [0.5, None], {"a": 0.5}),
    ],
)
def test_what_is_no_threshold_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"thresholds.*expected"):
        checked_thresholds(given, NAMES, ValueError)


@pytest.mark.parametrize(
    "given",
    [
        *(0.5, np.float32(0.5), Fraction(1, 2), Decimal("0.5"), [0.5, 0.5], (0.5, Fraction(1, 2))),
        *(np.array([0.5, 0.5], np.float16), {"b": 0.5, "a": np.float64(0.5)}),
    ],
)
def test_any_number_is_one(given: Any) -> None:
    assert checked_thresholds(given, NAMES, ValueError) == (0.5, 0.5)
