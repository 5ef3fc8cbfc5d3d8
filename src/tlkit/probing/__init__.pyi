# The public names of this room.

from .coefficients import Coefficients as Coefficients
from .probe import probe as probe
from .result import Probe as Probe

__all__: list[str]
