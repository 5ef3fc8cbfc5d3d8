"""Laws of what the checks compare with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from tlkit._keras.graph import CutPoint
from tlkit.testing import BackboneCheckError
from tlkit.testing._checks.graph import evenly_spaced
from tlkit.testing.agreement import deviation, expect_same

any_floats = arrays("float32", 6, elements=st.floats(width=32))
numbers = arrays("float32", 6, elements=st.floats(-1e6, 1e6, width=32))


@given(any_floats)
def test_array_agrees_with_itself_whatever_it_holds(values: np.ndarray) -> None:
    assert deviation(values, values.copy()) == 0


@given(numbers, numbers, st.sampled_from([0.5, 2.0, 1024.0]))
def test_deviation_does_not_depend_on_the_unit(a: np.ndarray, b: np.ndarray, unit: float) -> None:
    a, b = a.astype("float64"), b.astype("float64")
    assert deviation(a * unit, b * unit) == pytest.approx(deviation(a, b))


@given(numbers, numbers)
def test_deviation_is_the_largest_difference_in_units_of_the_largest_expected(
    a: np.ndarray, b: np.ndarray
) -> None:
    a, b = a.astype("float64"), b.astype("float64")
    found = deviation(a, b)
    assert found >= 0
    assert (found == 0) == bool((a == b).all())
    if math.isfinite(found):
        assert found * np.abs(b).max() == pytest.approx(np.abs(a - b).max())
    else:
        assert not b.any()


@given(any_floats, st.integers(0, 5), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_number_never_agrees_with_what_is_none(values: np.ndarray, place: int, odd: float) -> None:
    values[place] = 1.0
    other = values.copy()
    other[place] = odd
    assert deviation(values, other) == math.inf
    assert deviation(other, values) == math.inf


def test_message_says_how_far_and_how_far_is_allowed() -> None:
    with pytest.raises(
        BackboneCheckError,
        match=r"^A and B differ by 5\.0e-01 of the largest magnitude, expected at most 1e-04\. Go",
    ):
        expect_same(np.array([1.0, 2.0]), np.array([1.0, 4.0]), 1e-4, "A and B", "Go.")


@given(st.integers(1, 400), st.integers(2, 9))
def test_chosen_cuts_are_different_ones_from_first_to_last(points: int, count: int) -> None:
    given_points = [CutPoint(f"at_{n}", n, (1,)) for n in range(points)]
    chosen = evenly_spaced(given_points, count)
    assert len(chosen) == min(points, count)
    assert chosen == sorted(set(chosen), key=lambda point: point.index)
    assert chosen[0] is given_points[0]
    assert chosen[-1] is given_points[-1]
