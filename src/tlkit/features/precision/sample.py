"""The training pictures on which a trunk is calibrated for int8, and those on which it is checked.

They follow from the pictures' content and labels alone, not from their order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import EngineError
from tlkit.features.outputs import Pixels

# NNCF takes 300 where it is not told, and half of its time is another half minute of a processor.
CALIBRATED = 256
CHECKED = 300
# Of fewer, one unusual picture would set the range of a whole layer.
FEWEST = 32
# So many others at least, or the check takes pictures of the calibration too.
OTHERS = 150


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """Some of the training pictures, of every class in proportion.

    Args:
        pixels: All of them, at the trunk's size.
        digests: SHA-256 of each one's content, uint8 ``(n, 32)``.
        labels: Class numbers ``(n,)``, or None for pictures with several labels each or none.
        difference: Largest difference to float32 that a check in another process has found; None
            where this one is to check.
    """

    pixels: Pixels
    digests: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    difference: float | None = None

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """Distinct pictures, so that the first of them, however many, have classes in proportion.

        Of a class with n pictures, that at place r by its digest comes at (r + 0.5) / n.
        """
        _, first = np.unique(self.digests, axis=0, return_index=True)
        labels = np.zeros(len(first), int) if self.labels is None else self.labels[first]
        place = np.empty(len(first))
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)  # in the order of their digests
            place[own] = (np.arange(len(own)) + 0.5) / len(own)
        order: NDArray[np.intp] = first[np.argsort(place, kind="stable")]
        return order

    @property
    def count(self) -> int:
        """How many distinct pictures there are."""
        return len(self._order)

    @property
    def calibrating(self) -> NDArray[np.intp]:
        """Positions of the pictures that int8 is calibrated on."""
        return self._order[:CALIBRATED]

    @property
    def checked(self) -> NDArray[np.intp]:
        """Positions of those that precisions are compared on: others, where there are enough."""
        if self.count >= CALIBRATED + OTHERS:
            return self._order[CALIBRATED : CALIBRATED + CHECKED]
        return self._order[-CHECKED:]

    @property
    def classes(self) -> int:
        """How many classes the pictures of the calibration are of; 0 where that is not known."""
        return 0 if self.labels is None else len(np.unique(self.labels[self.calibrating]))

    @cached_property
    def key(self) -> str:
        """What the calibration follows from, in 16 hex digits: its pictures, in their order."""
        return hashlib.sha256(self.digests[self.calibrating].tobytes()).hexdigest()[:16]

    @cached_property
    def check_key(self) -> str:
        """What a check follows from besides: the pictures of both, and their labels."""
        places = np.concatenate([self.calibrating, self.checked])
        digest = hashlib.sha256(self.digests[places].tobytes())
        if self.labels is not None:
            digest.update(np.unique(self.labels[self.checked], return_inverse=True)[1].tobytes())
        return digest.hexdigest()[:16]

    def pictures(self) -> NDArray[np.uint8]:
        """Return the pictures that int8 is calibrated on, uint8 ``(n, height, width, 3)``.

        Raises:
            EngineError: There are too few.
        """
        self.require_calibrating()
        return np.asarray(self.pixels[self.calibrating], np.uint8)

    def require_calibrating(self) -> None:
        """Raise where there are too few pictures to calibrate on.

        Raises:
            EngineError: Says how many there are.
        """
        refusal = self.refusal
        if refusal:
            raise EngineError(
                f"trunk_precision='int8': {refusal}. Take trunk_precision='bfloat16' or 'float32'."
            )

    @property
    def refusal(self) -> str:
        """Why int8 cannot be calibrated on these; an empty text where it can."""
        if self.count >= FEWEST:
            return ""
        return (
            "int8 is calibrated on pictures, which show how large activations get, and there are "
            f"{self.count} different ones; expected {FEWEST} or more"
        )


def sample_of(pixels: Pixels, dataset: Any) -> TrainingSample:
    """Return the sample of a data set, whose pictures have one label, several or none."""
    labels = getattr(dataset, "labels", None)
    one = labels is not None and labels.ndim == 1
    return TrainingSample(pixels, dataset.image_digests, labels if one else None)


class KeptSample(TrainingSample):
    """The sample of another process, which has calibrated what this one reads from the store.

    Args:
        key: Of that sample.
        difference: As of that sample's check.
    """

    def __init__(self, key: str, difference: float) -> None:
        none = np.zeros((0, 32), np.uint8)
        super().__init__(_NoPixels(), none, difference=difference)
        self.__dict__["key"] = key

    def require_calibrating(self) -> None:
        """Raise: there are no pictures here."""
        raise EngineError("the calibrated network is not in the store that this process sees")


class _NoPixels:
    def __len__(self) -> int:
        return 0

    def __getitem__(self, places: NDArray[np.intp], /) -> NDArray[np.uint8]:
        raise AssertionError(f"{len(places)} pictures of another process.")
