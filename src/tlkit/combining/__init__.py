"""Several trained models made into one.

In come what trainings returned, or their files; out goes a `Soup`, one model of averaged weights,
or an `Ensemble`, one model that averages the probabilities of all; each says what it adds over the
best of its members. Nothing here trains by gradients or changes a member.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
