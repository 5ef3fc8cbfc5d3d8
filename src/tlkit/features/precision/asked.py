"""How precisely a trunk is to be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tlkit.features.engines.precision import FLOAT32, TrunkPrecision
from tlkit.features.precision.sample import TrainingSample


def _show_nothing(what: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, eq=False)
class AskedPrecision:
    """How precisely a trunk is to be run.

    Args:
        precision: What was asked for.
        sample: Pictures of the training; None where only float32 is.
        show: Called with what is done, how much, and of how much.
        named: What the outputs of a whole model, ``(n, classes)``, say of each picture: where they
            say the same, precisions agree. None for features, which a probe is to learn from.
        names: What that depends on besides the outputs, as text.
    """

    precision: TrunkPrecision = "float32"
    sample: TrainingSample | None = None
    show: Callable[[str, int, int], None] = _show_nothing
    named: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    names: str = ""

    @property
    def exact(self) -> bool:
        """Whether it is float32, and nothing is to be found out."""
        return self.precision == FLOAT32

    @property
    def pictures(self) -> TrainingSample:
        """The sample, which must be there."""
        assert self.sample is not None
        return self.sample
