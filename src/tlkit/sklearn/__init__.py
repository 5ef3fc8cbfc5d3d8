"""scikit-learn's interface: a classifier of pictures, and a transformer that gives their features.

In come pictures, as paths or as an array, and labels. Out come estimators that go where
scikit-learn's own go: pipelines, searches, cross-validation. How they train is in ``training``;
here is only how scikit-learn speaks. ``sklearn`` without ``tlkit.`` in front is scikit-learn
itself.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
