"""Backbones by name: what is installed, and how each becomes a model of raw images.

In comes a name, a `BackboneSpec` or a function. Out goes a keras.Model without its classification
top, from RGB 0..255 to features, preprocessing inside. `keras_applications` holds the table of
Keras's own networks; everyone else's come by the same hook, from plugins.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
