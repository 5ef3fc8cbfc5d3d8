"""Work spread over threads, with results in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MAX_WORKERS = 16
_MOST_AT_ONCE = 64


# At most so many cores are used by this process; 0 for all that it may use.
_limit = 0


def limit_cores(count: int) -> None:
    """Leave the other cores to other workers."""
    global _limit
    _limit = count


def core_limit() -> int:
    """Return what `limit_cores` has set, or 0."""
    return _limit


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return min(count, _limit or count)


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None
) -> list[Result]:
    """Apply a function to every item, in threads; the results keep the order of the items.

    Decoding and hashing release Python's lock, so threads use all cores. The first error is
    raised and the items that have not started are dropped.

    Args:
        function: Called once per item.
        items: What to work on.
        workers: Number of threads; None for one per usable core, at most 16.

    Returns:
        One result per item.

    Example:
        >>> in_threads(abs, [-2, 1, -3])
        [2, 1, 3]
    """
    count = min(workers or min(usable_cores(), _MAX_WORKERS), max(len(items), 1))
    if count == 1:
        return [function(item) for item in items]
    # Some at a time: what a pool keeps for each task adds up to more than a GB for a million items.
    length = max(1, min(_MOST_AT_ONCE, len(items) // (8 * count)))
    blocks = [items[start : start + length] for start in range(0, len(items), length)]
    with ThreadPoolExecutor(count) as pool:
        done = pool.map(lambda block: [function(item) for item in block], blocks)
        return [result for block in done for result in block]
