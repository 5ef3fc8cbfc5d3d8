"""What extraction would do for images, without doing it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit.features.outputs import Pixels
from tlkit.features.passes import Plan
from tlkit.features.trunk import Trunk


@dataclass(frozen=True)
class Foreseen:
    """What `extracted` would do for images.

    Args:
        engine: Name of the engine that gives their features.
        missing: How many images it would run; 0 where all are read.
    """

    engine: str
    missing: int


def foreseen(trunk: Trunk, pixels: Pixels, ids: NDArray[np.uint8], plan: Plan) -> Foreseen:
    """Return what `extracted` would do, and do none of it but choose the engine.

    Args:
        trunk: As for `extracted`, and so are the others.
        pixels: The images.
        ids: SHA-256 of each image's content.
        plan: How.

    Raises:
        EngineError: No engine can run the trunk.
    """
    for name in plan.readable(trunk, pixels):
        if not len(trunk.table(name).missing(ids)):
            return Foreseen(name, 0)
    engine = plan.choice(trunk, pixels).engine.name
    return Foreseen(engine, len(trunk.table(engine).missing(ids)))
