# The public names of this room.

from .ensembles import (
    Ensemble as Ensemble,
    ensemble as ensemble,
)
from .gain import GainOverBest as GainOverBest
from .soups import (
    Soup as Soup,
    soup as soup,
)

__all__: list[str]
