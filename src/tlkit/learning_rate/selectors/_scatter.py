"""Whether a curve falls by more than its own scatter: the one measure for all selectors.

Two looks at it; either is enough where it is sure, or both where each is nearly so.

The order of the losses. ``S_b`` counts, among the first ``b`` losses, the pairs that fall less
those that rise (Kendall). Where nothing but chance orders them, ``S_b`` has mean 0 and variance
``b (b - 1) (2 b + 5) / 18``, whatever the distribution: heavy tails and wild points do not matter.
The largest ``z_b = S_b / sd`` over all ``b`` (where the fall ends is not known) has to exceed a
limit, which grows where neighbouring losses are alike: such noise wanders, and so seems to fall.

The size of the fall. A smooth curve with a narrow valley has few pairs, but falls by many times
the scatter of its steps: by more than a random walk with such steps does.

Only the order and differences of losses enter, so that adding a constant or multiplying changes
nothing. ``benchmarks/selector_noise.py`` prints how often noise passes.
"""

from __future__ import annotations

import numpy as np

from tlkit.learning_rate.selectors.smoothing import Floats, despiked

_ORDER, _WALK = 3.5, 3.2  # either of the two measures is enough from here on
_BOTH = 2.6, 1.9  # or both together from here on
_SHORT, _ORDER_OF_SHORT = 30, 2.9  # of so few losses nobody can tell whether they wander
_WANDERING = 13  # points: a wander takes some multiple of them; a short curve has no room for it
_MOST_ALIKE = 0.9  # with more, a smooth curve and noise are no longer told apart by their order
_FEWEST = 20  # points, where there are so many, from which the scatter is taken
_OF_ONE = 3  # second differences that one wild point is in
_NORMAL = 0.6745  # median of the absolute value of a standard normal number


def stands_out(losses: Floats) -> bool:
    """Return whether the losses fall by more than noise like theirs does.

    Args:
        losses: Shape (n,), finite, n >= 3, in the order of their rates.
    """
    # Behind the minimum losses may explode, and say nothing of the scatter before it.
    clean = despiked(losses)
    down = max(int(np.argmin(clean)) + 3, min(_FEWEST, len(losses) // 2))
    walk = _walked(losses, clean, down)
    if len(losses) < _SHORT:
        return _order(losses) > _ORDER_OF_SHORT or walk > _WALK
    order = _order(losses) / _wander(losses) ** 0.5
    both = order > _BOTH[0] and walk > _BOTH[1]
    return order > _ORDER or walk > _WALK or both


def _wander(losses: Floats) -> float:
    """Return how many times the variance of ``S_b`` is larger, as neighbours are alike."""
    alike = _likeness(losses)
    return (1 + alike) / (1 - alike + _WANDERING * alike / len(losses))


def _order(losses: Floats) -> float:
    """Return the largest ``z_b``; of fewer than eight losses the order says too little."""
    # One loss after the other: all pairs at once would take gigabytes for a long sweep.
    pairs = np.array([np.sign(losses[:last] - losses[last]).sum() for last in range(len(losses))])
    count = np.arange(1, len(losses) + 1)
    deviation = np.sqrt(np.maximum(count * (count - 1) * (2 * count + 5) / 18, 1))
    return float(np.max((pairs.cumsum() / deviation)[7:], initial=0))


def _likeness(losses: Floats) -> float:
    """Return the correlation of neighbours, from how much losses two to four points apart differ.

    By ranks, which no wild point bends. In noise with correlation ``c ** k`` at distance ``k``, the
    difference at that distance grows as ``sqrt(1 - c ** k)``. Of a smooth fall it grows faster.
    """
    if len(losses) < 8:
        return _MOST_ALIKE
    ranks = _ranks(losses)
    near, *far = (np.abs(ranks[k:] - ranks[:-k]).mean() for k in (1, 2, 3, 4))
    candidates = np.linspace(0, _MOST_ALIKE, 91)
    powers = [np.sqrt((1 - candidates**k) / (1 - candidates)) for k in (2, 3, 4)]
    growth = np.mean(powers, axis=0)
    return float(np.interp(np.mean(far) / near if near else np.inf, growth, candidates))


def _ranks(losses: Floats) -> Floats:
    values, place, count = np.unique(losses, return_inverse=True, return_counts=True)
    del values
    return np.asarray((count.cumsum() - (count - 1) / 2)[place], dtype=np.float64)


def _walked(losses: Floats, clean: Floats, down: int) -> float:
    """Return how far down the losses go, over how far a random walk of the same steps would go."""
    part = clean[:down]
    fall = float(np.max(np.maximum.accumulate(part) - part))
    far = len(losses) ** 0.5 * _scatter(losses[:down])
    return fall / far if far else np.inf if fall else 0.0


def _scatter(losses: Floats) -> float:
    """Return the standard deviation of independent noise with second differences like these.

    Those, as a steady fall has none. Of them the mean of the smaller nine tenths, or their
    median where that is larger: losses that mostly repeat have a scatter too.
    """
    bends = np.sort(np.abs(losses[:-2] - 2 * losses[1:-1] + losses[2:]))
    kept = bends[: max(1, len(bends) - max(_OF_ONE, len(bends) // 10))]
    return float(max(kept.mean(), np.median(bends)) / _NORMAL / 6**0.5)
