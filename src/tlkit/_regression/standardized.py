"""Features of some rows as an optimizer wants them: standardized, and turned to be uncorrelated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# How many rows are worked on at once where all of them would take too much memory.
CHUNK = 8192
# Up to so many numbers, a turned copy of the rows is kept; above, rows are turned on their way.
KEPT = 8 * 2**20


@dataclass(frozen=True, eq=False)
class Moments:
    """How many rows there are, and of each feature the mean and the sum of squared deviations.

    Args:
        count: Of rows.
        mean: float64 ``(d,)``.
        squares: float64 ``(d,)``.
    """

    count: int
    mean: Doubles
    squares: Doubles

    @classmethod
    def of(cls, block: Floats) -> Moments:
        """Measure rows ``(n, d)``, part by part."""
        found = cls(0, np.zeros(block.shape[1]), np.zeros(block.shape[1]))
        for start in range(0, len(block), CHUNK):
            part = block[start : start + CHUNK].astype(np.float64)
            mean = part.mean(axis=0)
            part -= mean
            found = found.with_those(cls(len(part), mean, np.einsum("nd,nd->d", part, part)))
        return found

    def with_those(self, other: Moments) -> Moments:
        """Return those of both together (Chan, Golub and LeVeque, 1983)."""
        count = self.count + other.count
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.count / count)
        squares = self.squares + other.squares + apart**2 * (self.count * other.count / count)
        return Moments(count, mean, squares)

    @property
    def spread(self) -> Spread:
        """Mean and deviation; a feature is constant where scikit-learn says so."""
        variance, smallest = self.squares / self.count, np.finfo(np.float64).eps
        error = self.count * smallest * variance + (self.count * self.mean * smallest) ** 2
        return Spread(self.mean, np.where(variance <= error, 1.0, np.sqrt(variance)))


@dataclass(frozen=True, eq=False)
class Spread:
    """Mean and deviation of each feature over some rows; a constant one has deviation 1.

    Args:
        mean: float64 ``(d,)``.
        deviation: float64 ``(d,)``, above 0.
    """

    mean: Doubles
    deviation: Doubles


@dataclass(frozen=True, eq=False)
class Turned:
    """Standardized rows in directions in which they are hardly correlated.

    A weight in these directions costs what it costs in the standardized features, since directions
    are orthonormal: so the penalized optimum is the same, and found in fewer steps.

    Args:
        blocks: The rows, turned already where ``turn`` is None.
        turn: float32 ``(d, r)``, from a row to its turned form, before ``shift``; or None.
        shift: float32 ``(r,)``, subtracted from turned rows.
        back: float32 ``(d, r)``, from turned weights to those of the standardized features.
        curvature: float64 ``(r,)``, about the mean square of each direction.
    """

    blocks: Sequence[Floats]
    turn: Floats | None
    shift: Floats
    back: Floats
    curvature: Doubles

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def chunks(self, rows: int) -> Iterator[Floats]:
        """Yield the rows, at most so many at once; those of one block follow another."""
        for block in self.blocks:
            for start in range(0, len(block), rows):
                yield block[start : start + rows]


def directions(features: Floats) -> tuple[Floats, Doubles]:
    """Return orthonormal directions in which features are uncorrelated, and their mean squares.

    Args:
        features: Standardized, ``(n, d)``.

    Returns:
        Directions ``(d, d)``, float32, and mean squares ``(d,)``.
    """
    gram = np.zeros((features.shape[1],) * 2, np.float32)
    for start in range(0, len(features), CHUNK):
        part = features[start : start + CHUNK]
        gram += part.T @ part
    squares, turned = np.linalg.eigh(gram / np.float32(len(features)))
    return turned, np.maximum(squares, 0).astype(np.float64)


def turned(
    blocks: Sequence[Floats], spread: Spread, known: tuple[Floats, Doubles] | None
) -> Turned:
    """Standardize rows and turn them.

    Args:
        blocks: Features, ``(n, d)`` each.
        spread: By which they are standardized.
        known: Directions and mean squares of about these rows; None finds the rows' own, for fewer
            rows than features.
    """
    scale, mean = (1 / spread.deviation), spread.mean
    if known is None:
        rows = _standardized(blocks, spread)
        squares, sides = np.linalg.eigh((rows @ rows.T).astype(np.float64))
        kept = squares > squares[-1] * 1e-9
        lengths = np.sqrt(squares[kept])
        back = rows.T @ (sides[:, kept] / lengths).astype(np.float32)
        own = (sides[:, kept] * lengths).astype(np.float32)
        nothing = np.zeros(len(lengths), np.float32)
        return Turned([own], None, nothing, back, squares[kept] / len(rows))
    back, squares = known
    if sum(map(len, blocks)) * len(back) <= KEPT:
        rows = _standardized(blocks, spread) @ back
        return Turned([rows], None, np.zeros(len(squares), np.float32), back, squares)
    turn = scale.astype(np.float32)[:, None] * back
    return Turned(blocks, turn, mean.astype(np.float32) @ turn, back, squares)


def _standardized(blocks: Sequence[Floats], spread: Spread) -> Floats:
    rows = np.concatenate(list(blocks))
    rows -= spread.mean.astype(np.float32)
    rows /= spread.deviation.astype(np.float32)
    return rows
