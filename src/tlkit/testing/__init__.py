"""For tests: a tiny backbone and data set, and the kit that checks a plugin's backbones.

In comes somebody's backbone, by its name or its spec. Out goes what is wrong with it, check by
check. A new check is a module of ``_checks`` and a line in ``kit``.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
