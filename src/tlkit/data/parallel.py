"""Work spread over threads, with results in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MAX_WORKERS = 16


def usable_cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, items))
