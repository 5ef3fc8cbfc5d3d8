"""Transfer learning for Keras 3: the frozen part runs once per image.

Importing this package loads no framework: each public name, of the list in ``__init__.pyi``, is
imported on first use.
"""

from lazy_loader import attach_stub

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
