"""Learning rates: given, scheduled, or searched for.

In come a compiled model and data, or a loss curve. Out go an `LRCurve` and the rate that a selector
reads from it, or the reason why there is none. `sweep` trains through the rates and puts the model
back, `selectors` read curves, `rate` knows the forms in which a stage is given its rate. A new
selector is a module of `selectors` and a line in the list there; its name goes into the stubs.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
