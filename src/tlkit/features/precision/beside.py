"""Outputs beside exact ones: cosine and largest difference, without all of them being held."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TINY = 1e-30


class Beside:
    """Sums over pictures, of which the cosine follows without all features being held."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self.products = np.zeros(3)  # exact * exact, exact * low, low * low
        self.largest, self.apart = 0.0, 0.0

    def add(self, exact: NDArray[Any], low: NDArray[Any]) -> None:
        """Take in features of a batch, both ``(n, ...)``."""
        a, b = (each.reshape(len(each), -1).astype(np.float64) for each in (exact, low))
        with np.errstate(invalid="ignore", over="ignore"):
            self.products += [np.vdot(a, a), np.vdot(a, b), np.vdot(b, b)]
            self.apart = max(self.apart, float(np.nan_to_num(np.abs(a - b), nan=np.inf).max()))
            more = a.sum(0), b.sum(0)
            known = self.sums or (np.zeros_like(more[0]), np.zeros_like(more[1]))
            self.sums = known[0] + more[0], known[1] + more[1]
        self.largest = max(self.largest, float(np.abs(a).max()))
        self.count += len(a)

    @property
    def cosine(self) -> float:
        """Of all features less the mean of the exact ones; 0 where something is not finite."""
        assert self.sums is not None
        mean = self.sums[0] / self.count
        squared, shared = self.count * float(mean @ mean), float(mean @ self.sums[1])
        own, across, low = self.products.tolist()
        own, across, low = own - squared, across - shared, low - 2 * shared + squared
        if not np.isfinite([own, across, low]).all():
            return 0.0
        if self.apart == 0:  # also where nothing varies
            return 1.0
        return float(across / np.sqrt(max(own * low, _TINY)))

    @property
    def difference(self) -> float:
        """The largest of two numbers, by the largest exact one."""
        return self.apart / max(self.largest, 1e-12)
