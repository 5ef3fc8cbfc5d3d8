# The public names of this room.

from .curve import LRCurve as LRCurve
from .finder import ExponentialLRFinder as ExponentialLRFinder
from .schedules import (
    OneCycle as OneCycle,
    Staircase as Staircase,
    WarmupCosine as WarmupCosine,
)
from .selectors.minimum_over_ten import MinimumOverTen as MinimumOverTen
from .selectors.share_of_fall import ShareOfFall as ShareOfFall
from .selectors.smoothed_minimum import SmoothedMinimum as SmoothedMinimum
from .selectors.steepest import Steepest as Steepest
from .selectors.valley import Valley as Valley

__all__: list[str]
