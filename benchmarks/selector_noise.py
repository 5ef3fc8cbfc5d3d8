"""How often each selector gives a rate for a curve on which no rate can be read: pure noise.

At most 5 in 100 may, whatever the noise, for 30 to 200 rates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import tlkit
from tlkit.errors import SelectorError
from tlkit.learning_rate.selectors.builtin import BUILT_IN

Noise = Callable[[np.random.Generator, int], NDArray[np.float64]]
SIZES = (30, 60, 100, 200)


def alike(share: float) -> Noise:
    """Return noise in which each value keeps a share of the one before it."""

    def drawn(draw: np.random.Generator, count: int) -> NDArray[np.float64]:
        values = draw.normal(size=count + 200)
        for index in range(1, len(values)):
            values[index] += share * values[index - 1]
        return values[200:]

    return drawn


def _wild(draw: np.random.Generator, count: int) -> NDArray[np.float64]:
    values = draw.normal(size=count)
    values[draw.integers(count)] += draw.choice([-1, 1]) * 30
    return values


def _high_start(draw: np.random.Generator, count: int) -> NDArray[np.float64]:
    values = draw.normal(size=count)
    values[:3] += [30, 20, 10]
    return values


KINDS: dict[str, Noise] = {
    "normal": lambda draw, count: draw.normal(size=count),
    "t, 2 df": lambda draw, count: draw.standard_t(2, size=count),
    "skewed": lambda draw, count: draw.gamma(1.5, size=count),
    "growing": lambda draw, count: draw.normal(size=count) * np.geomspace(0.3, 3, count),
    "correlated 0.5": alike(0.5),
    "correlated 0.8": alike(0.8),
    "correlated 0.9": alike(0.9),
    "moving mean of 5": lambda draw, count: np.convolve(
        draw.normal(size=count + 4), np.full(5, 0.2), "valid"
    ),
    "one outlier": _wild,
    "high first losses": _high_start,
    "slightly rising": lambda draw, count: draw.normal(size=count) + np.linspace(0, 1, count),
}


def answered(kind: str, count: int, curves: int, seed: int = 0) -> dict[str, float]:
    """Return the share of noise curves to which each selector gives a rate."""
    draw = np.random.default_rng([seed, count])
    given = dict.fromkeys((selector.__name__ for selector in BUILT_IN), 0)
    for _ in range(curves):
        losses = 1.1 + 0.02 * KINDS[kind](draw, count)
        curve = tlkit.LRCurve(np.geomspace(1e-6, 1, count), losses)
        for selector in BUILT_IN:
            try:
                selector()(curve)
            except SelectorError:
                continue
            given[selector.__name__] += 1
    return {name: number / curves for name, number in given.items()}


def main() -> None:
    """Print a row for each kind of noise and number of rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=200, help="curves a row")
    options = parser.parse_args()
    print(f"{'':18}rates" + "".join(f"{kind.__name__:>17}" for kind in BUILT_IN))
    for kind in KINDS:
        for count in SIZES:
            shares = answered(kind, count, options.curves).values()
            print(f"{kind:18}{count:5}" + "".join(f"{share:15.1%}  " for share in shares))


if __name__ == "__main__":
    main()
