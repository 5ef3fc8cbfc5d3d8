"""Seconds that work will take, with the range that they were measured in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tlkit._printing import Printed

# The next batches are a little slower or faster than all that were measured.
_SLACK = 1.25


@dataclass(frozen=True, repr=False)
class Duration(Printed):
    """How long work will take.

    Args:
        seconds: As expected.
        low: If all of it goes as fast as the fastest part that was measured, and a fifth faster.
        high: If all of it goes as slowly as the slowest, and a quarter slower.

    Example:
        >>> print(Duration(30, 20, 40) + Duration(60, 50, 90))
        1 min 30 s (1 min 10 s to 2 min 10 s)
    """

    seconds: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, measured: Sequence[float]) -> Duration:
        """Return what some work takes that was measured once or several times, in seconds."""
        return cls(median(measured), min(measured) / _SLACK, max(measured) * _SLACK)

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.seconds + other.seconds, self.low + other.low, self.high + other.high)

    def __mul__(self, count: float) -> Duration:
        return Duration(self.seconds * count, self.low * count, self.high * count)

    def __repr__(self) -> str:
        return f"Duration({self})"

    def __str__(self) -> str:
        expected, low, high = map(seconds_text, (self.seconds, self.low, self.high))
        return f"{expected} ({low} to {high})"


def total(durations: Iterable[Duration]) -> Duration:
    """Return how long all of some work takes, one after the other."""
    return sum(durations, Duration())


def once(seconds: float) -> Duration:
    """Return how long work takes that was measured once."""
    return Duration.of([seconds])


def between(one: Duration, other: Duration, share: float) -> Duration:
    """Return what lies between two, at a share of the way from the one to the other."""
    return one * (1 - share) + other * share


def seconds_text(seconds: float) -> str:
    """Return seconds as people say them.

    Example:
        >>> [seconds_text(s) for s in (0.02, 0.84, 7.4, 75, 3725, 90000)]
        ['0.0 s', '0.8 s', '7 s', '1 min 15 s', '1 h 2 min', '25 h 0 min']
    """
    if seconds < 2:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest:02} s"
