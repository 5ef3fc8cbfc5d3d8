"""The start-up of a sweep: first losses that fall for another reason than the rate.

A new head on features whose scale it does not know yet, slots and statistics that are still empty:
the first losses of many sweeps are high, whatever the rate. Such a fall is steepest at its very
beginning and slows; the fall that a growing rate makes sets in later and grows with it.
"""

from __future__ import annotations

import numpy as np

from tlkit.learning_rate.selectors.smoothing import Floats, despiked

_SPAN = 5  # points over which a fall is measured
_LONGEST = 10  # a start-up takes at most one point in so many, or _SPAN of them
_FASTER = 1.2  # by how much the later fall is faster than where the first one has slowed down
_OVER = 8  # a fall that has slowed to less than one part in so many is over


def start_up(losses: Floats) -> int:
    """Return how many first points are a start-up; 0 where there is none.

    With ``f_i`` the fall from point ``i`` to ``i + 5``, there is one where the curve's largest fall
    is at its first points, where it then slows down within the first tenth of the points (five, in
    a short curve), and is faster again further on, or has all but ended. It ends where ``f_i`` is
    smallest.

    Args:
        losses: Shape (n,), finite, n >= 3.
    """
    longest = min(max(_SPAN, len(losses) // _LONGEST), len(losses) // 4)
    if longest < 1 or len(losses) < longest + 2 * _SPAN:
        return 0
    clean = despiked(losses)
    clean[0] = losses[0]
    falls = clean[:-_SPAN] - clean[_SPAN:]
    # Behind the minimum a curve may fall back from any height; and the bottom of a valley is no
    # slower fall, but the level ground at the end of a start-up is.
    lowest = int(np.argmin(clean))
    level = np.median(clean[longest : longest + 2 * _SPAN]) - clean[lowest]
    plateau = _OVER * level < clean[: longest + 1].max() - clean[lowest]
    searched = longest if plateau else min(longest, lowest - _SPAN)
    if searched < 1:
        return 0
    slowest = int(np.argmin(falls[: searched + 1]))
    later = falls[slowest + 1 : max(lowest, slowest + 2)].max()
    first, slow = falls[: slowest + 1].max(), max(falls[slowest], 0)
    ends = later > _FASTER * slow or _OVER * slow < first
    return slowest if first > max(later, slow) and ends else 0
