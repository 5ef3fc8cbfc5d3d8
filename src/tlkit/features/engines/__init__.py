"""What runs a trunk: the interface, the installed engines, and which one is taken."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
