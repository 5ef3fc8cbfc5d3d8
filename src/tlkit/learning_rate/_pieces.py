"""A schedule of pieces, one after the other, each from one rate to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from tlkit._keras.types import Tensor

# Up to which step, the rate at its beginning, the rate at its end.
Piece = tuple[float, float, float]


@keras.saving.register_keras_serializable("tlkit")
class Pieces(LearningRateSchedule):  # type: ignore[misc]  # Keras has no types
    """Rates that follow a straight line, or half a cosine, from piece to piece.

    The models that tlkit saves hold no optimizer; those of a ModelCheckpoint do.

    Args:
        pieces: For each the step before which it ends, its first rate, and the rate that it would
            have at its end. Steps rise; after the last one its rate at the end stays.
        cosine: Whether it is half a cosine from the one to the other.
    """

    def __init__(self, pieces: Sequence[Piece], *, cosine: bool = False) -> None:
        super().__init__()
        self._pieces, self._cosine = [tuple(piece) for piece in pieces], cosine

    def __call__(self, step: int | Tensor) -> Any:
        """Return the rate of a step."""
        ops = keras.ops
        now: Any = ops.cast(step, "float32")
        rate = ops.cast(self._pieces[-1][2], "float32")
        begins = [0, *(end for end, _, _ in self._pieces[:-1])]
        for begin, (end, first, last) in reversed(list(zip(begins, self._pieces, strict=True))):
            share = (now - begin) / (end - begin)
            if self._cosine:
                share = (1 - ops.cos(math.pi * share)) / 2
            rate = ops.where(now < end, first + (last - first) * share, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras asks of every schedule."""
        return {"pieces": [list(piece) for piece in self._pieces], "cosine": self._cosine}
