"""The one idea: a policy says what may change, and there the model is cut into trunk and tail.

In come a backbone, a `Head` and a policy. Out goes a `Phase`: the frozen trunk, the tail that is
trained, and the layers of each. A new policy is a class in `policies`, or any callable of a user.
What follows from the cut (features, training) lies in the rooms above and is not known here.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
