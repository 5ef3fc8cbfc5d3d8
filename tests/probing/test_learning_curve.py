"""What more pictures would bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tlkit
from tests.conftest import few
from tests.probing.test_probe import rare
from tlkit.errors import DataError, SplitError
from tlkit.probing._curve_fit import fitted_curve
from tlkit.probing._power_law import PowerLaws
from tlkit.testing import tiny_backbone, tiny_dataset

SIZES = np.geomspace(60, 1000, 6)


def curve(data: Any, **settings: Any) -> tlkit.LearningCurve:
    given = {"weights": None, "engine": "keras", "verbose": 0, **settings}
    return tlkit.learning_curve(tiny_backbone(), data, **given)


def simulated(ceiling: float, seed: int, sizes: Any = SIZES, n: int = 1250) -> tlkit.LearningCurve:
    """A curve whose truth is known: answers are right as often as a power law says."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 5, n)
    # The same pictures are hard at every size, as they are in life.
    hard = random.random(n)
    found = np.empty((len(sizes), 3, n), np.int64)
    for point, size in enumerate(sizes):
        for deal in range(3):
            unsure = random.random(n) < 0.1
            right = np.where(unsure, random.random(n), hard) < accuracy(ceiling, size)
            found[point, deal] = np.where(right, labels, (labels + random.integers(1, 5, n)) % 5)
    return fitted_curve(labels, found, np.asarray(sizes), [*"abcde"], seed=seed)


def accuracy(ceiling: float, size: float) -> float:
    return float(ceiling - 2 * size**-0.4)


@pytest.mark.parametrize("rate", few([0.3, 0.5, 1.0]))
def test_a_power_law_is_found_again(rate: float) -> None:
    ceilings, scales = np.array([[0.9], [0.7]]), np.array([[1.5], [0.9]])
    laws = PowerLaws.through(SIZES, ceilings - scales * SIZES**-rate)
    np.testing.assert_allclose(laws.at([4000]), ceilings - scales * 4000.0**-rate, atol=1e-3)
    np.testing.assert_allclose(laws.sizes_for(laws.at([4000])[:, 0]), 4000, rtol=1e-6)
    flat = PowerLaws.through(SIZES, np.full((1, 6), 0.5))
    assert flat.at([1e6])[0, 0] == pytest.approx(0.5)
    assert np.isinf(flat.sizes_for(np.array([0.52])))[0]
    falling = PowerLaws.through(SIZES, np.linspace(0.6, 0.5, 6)[None])
    assert falling.scales[0] == 0


@pytest.mark.slow
def test_what_is_foretold_from_half_lies_in_the_interval() -> None:
    trials = range(20)
    inside = 0
    for seed in trials:
        found = simulated(0.9, seed, SIZES[:-1])
        score = np.mean(simulated(0.9, seed).scores[-1])
        told = found.at(SIZES[-1])
        inside += told.low <= score <= told.high
    assert inside >= 0.85 * len(trials)


def test_the_advice_says_how_many_more_or_that_it_is_not_worth_it() -> None:
    steep = simulated(0.95, 0)
    needed = steep.more_for(0.02)
    assert 100 < needed.low < needed.value < needed.high
    assert steep.at(steep.images + needed.value).value == pytest.approx(
        steep.at(steep.images).value + 0.02
    )
    assert steep.advice.startswith("about ")
    assert steep.advice in str(steep)
    labels = np.arange(500) % 5
    wrong = np.where(np.arange(500) < 300, labels, 0)
    flat = fitted_curve(labels, np.tile(wrong, (6, 2, 1)), SIZES, [*"abcde"], seed=0)
    assert flat.advice.startswith("more pictures are hardly worth it")


def test_a_curve_of_pictures() -> None:
    found = curve(tiny_dataset(80, 4), repeats=2, points=4)
    assert found.scores.shape == (4, 2)
    assert found.sizes[-1] == 64
    assert list(found.sizes) == sorted(found.sizes)
    assert found.scores[-1].mean() > 0.8
    assert {x.name for x in found.classes} == {f"class_{n}" for n in range(4)}
    again = curve(tiny_dataset(80, 4), repeats=2, points=4)
    assert np.array_equal(again.scores, found.scores)
    pytest.importorskip("matplotlib", reason="the extra tlkit[plots]")
    axes = found.plot()
    assert axes.get_xscale() == "log"
    assert len(axes.lines) == 3


REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "too few of each class": (rare(5, 5, 5), {}, SplitError, "about 8 of each class"),
    "too few points": (rare(20, 20), {"points": 3}, SplitError, "points=3"),
    "two images": (rare(1, 1), {}, SplitError, "about 8 of each class"),
    "a class that is too small": (rare(9, 9, 2), {}, SplitError, "about 8 of each class"),
    "fewer groups than folds": (
        *(rare(20, 20), {"groups": [0, 1] * 20}, SplitError, "2 groups for 5 folds"),
    ),
    "one class": (rare(20, 0), {}, DataError, "all of one class"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_gives_no_curve_is_told_first(case: str) -> None:
    data, settings, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        curve(data, **settings)
