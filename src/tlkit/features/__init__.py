"""Frozen work, done once: a trunk's output for images, computed, kept and found again.

In come a trunk (a keras.Model) and images. Out go features, in the order of the images, and which
engine gave them. `store` keeps them on disk by the images' content, `engines` run the trunk,
`workers` spread the work over processes and machines. A new engine is a plugin, or a module of
`engines`; nothing here knows of training.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
