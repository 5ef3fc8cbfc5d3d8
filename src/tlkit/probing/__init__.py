"""What frozen features say of pictures before anything is trained.

In come a backbone and labelled pictures; out goes a `Probe`: a logistic regression at its optimum,
or a discriminant analysis, on features that are computed once, how good it is on pictures that it
has not seen, and a model that predicts; or a `SuggestedAugmentation`: which changes of pictures fit
them. Nothing here knows of stages.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
