"""One page about a run or a study: what was trained, how good it is, where it fails.

In come training results or run directories, evaluations and images. Out goes one HTML file. It
reads typed results of the rooms below and computes nothing that they could say. (The room is not
called ``report``, since ``tlkit.report`` is the function.)
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
