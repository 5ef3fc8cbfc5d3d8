"""Pictures that are near to one another, or to none, by their features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit._regression.standardized import Floats

_NEAREST = 5
# Share of the usual distance to the nearest; robust deviations from the usual distance.
_NEAR, _FAR = 0.3, 3.5


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest other pictures of each.

    Args:
        distances: Cosine distance of centred features, float64 ``(n, 5)`` or fewer, ascending.
        positions: Of these pictures, int64, of the same shape.
    """

    distances: NDArray[np.float64]
    positions: NDArray[np.int64]

    @classmethod
    def of(cls, features: Floats) -> Neighbours:
        """Find them.

        Args:
            features: ``(n, d)``.
        """
        from sklearn.neighbors import NearestNeighbors

        rows = features - features.mean(axis=0)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        # Of rows of one length, half the squared distance is the cosine distance.
        found = NearestNeighbors(n_neighbors=min(_NEAREST, len(rows) - 1), algorithm="brute")
        distances, positions = found.fit(rows).kneighbors()
        return cls(distances.astype(np.float64) ** 2 / 2, positions.astype(np.int64))

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        """Yield the positions and the distance of pictures that are nearly the same."""
        near = self.distances < _NEAR * np.median(self.distances[:, 0])
        pairs = {}
        for row, column in np.argwhere(near).tolist():
            one, other = row, int(self.positions[row, column])
            pairs[min(one, other), max(one, other)] = float(self.distances[row, column])
        for (one, other), distance in pairs.items():
            yield one, other, distance

    def groups(self) -> NDArray[np.int64]:
        """Return a number for each picture, the same for those that are nearly the same."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = len(self.distances)
        pairs = np.array([(a, b) for a, b, _ in self.pairs()], np.int64).reshape(-1, 2)
        table = coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count))
        return np.asarray(connected_components(table, directed=False)[1], np.int64)

    def outliers(self) -> Iterator[tuple[int, float]]:
        """Yield the position of each picture that is far from all others, and how far."""
        means = self.distances.mean(axis=1)
        usual = np.median(means)
        deviation = 1.4826 * np.median(np.abs(means - usual))
        for n in np.argsort(-means, kind="stable").tolist():
            if means[n] <= usual + _FAR * max(deviation, 1e-6):
                return
            yield n, float(means[n])
