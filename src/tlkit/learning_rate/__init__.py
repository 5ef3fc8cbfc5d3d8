"""Learning rates: given, scheduled, or searched for.

In come a compiled model and data, or a loss curve. Out go an `LRCurve` and the rate that a selector
reads from it, or the reason why there is none. `sweep` trains through the rates and puts the model
back, `selectors` read curves. A new selector is a module of `selectors`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
