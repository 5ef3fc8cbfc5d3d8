"""From a trained model to named labels for new pictures, and to a file that others can serve.

In come a model or its file, and pictures without labels; out go rows of names and probabilities, or
a file. What a model needs to be used, its classes and how its pictures are read, is a
`ModelContract`: it travels inside the saved file. Nothing here knows how a model was trained.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
