"""Stages, trained one after the other, resumed where they were cut off.

In come a backbone, stages as data, and images. Out goes a `TrainingResult`. `feeding` makes the
batches of a tail, `loop` runs a stage, `run_dir` keeps what a resumption needs. A new setting of a
stage begins in `stage`; a new recipe is a function in `recipes`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
