"""How good a model is, how sure that is, which of two is better, and where it fails.

In come a model and images, or labels and probabilities alone. Out go an `Evaluation`, comparisons,
calibrated models, heat maps and plots. `metrics` holds the figures and their intervals as functions
of arrays; a new figure begins there. Nothing here knows how a model was trained.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
