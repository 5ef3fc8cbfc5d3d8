# The public names of this room.

from .coefficients import Coefficients as Coefficients
from .probe import probe as probe
from .result import Probe as Probe
from .suspects import (
    NearDuplicate as NearDuplicate,
    Outlier as Outlier,
    SuspectLabel as SuspectLabel,
    Suspects as Suspects,
    suspects as suspects,
)

__all__: list[str]
