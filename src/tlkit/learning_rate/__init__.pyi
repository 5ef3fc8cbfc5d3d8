# The public names of this room.

from .curve import LRCurve as LRCurve
from .finder import ExponentialLRFinder as ExponentialLRFinder
from .schedules import WarmupCosine as WarmupCosine
from .selectors.builtin import (
    MinimumOverTen as MinimumOverTen,
)
from .selectors.builtin import (
    SmoothedMinimum as SmoothedMinimum,
)
from .selectors.builtin import (
    Steepest as Steepest,
)
from .selectors.builtin import (
    Valley as Valley,
)
from .selectors.share_of_fall import ShareOfFall as ShareOfFall
