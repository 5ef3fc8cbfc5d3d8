"""The one list of tlkit's own selectors: a new one is a file of this folder and a line here.

They raise `tlkit.errors.SelectorError` with a reason where no rate can honestly be chosen:
too few points, a loss that is the same everywhere, that never falls or that never stops falling.
None of them looks at the absolute size of the loss: adding a constant to all losses, or multiplying
them by a positive one, changes nothing.
"""

from __future__ import annotations

from typing import get_args

from tlkit.learning_rate.selectors.minimum_over_ten import MinimumOverTen
from tlkit.learning_rate.selectors.share_of_fall import ShareOfFall
from tlkit.learning_rate.selectors.smoothed_minimum import SmoothedMinimum
from tlkit.learning_rate.selectors.steepest import Steepest
from tlkit.learning_rate.selectors.valley import Valley

# In the order in which their answers are listed.
BuiltIn = SmoothedMinimum | ShareOfFall | Steepest | Valley | MinimumOverTen
BUILT_IN: tuple[type[BuiltIn], ...] = get_args(BuiltIn)
