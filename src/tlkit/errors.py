"""Every error that tlkit raises on purpose, in one tree.

::

    TlkitError
    ├── BackboneError             where models come from
    │   ├── UnknownBackboneError  no backbone of that name (also a LookupError)
    │   ├── DuplicateBackboneError  two distributions claim one name
    │   ├── PluginError           a plugin could not be loaded or gave the wrong thing
    │   ├── WeightsError          weights are missing, unreachable or do not fit
    │   ├── ImageSizeError        an image size that the backbone cannot take (also a ValueError)
    │   └── CutError              a model that cannot be cut into trunk and tail
    ├── DataError                 where images come from (also a ValueError)
    │   ├── TableError            a table with missing columns, rows or files
    │   ├── DamagedImageError     an image that cannot be read; names the file and why
    │   └── SplitError            a split that cannot be made as asked
    ├── FeatureError              features
    │   ├── EngineError           an engine that is unknown, missing or disagrees with Keras
    │   └── CacheError            the store on disk cannot be written, or what it holds is damaged
    ├── LearningRateError         a search that cannot run (also a ValueError)
    │   └── SelectorError         a curve from which no learning rate can honestly be chosen
    ├── TrainingError             stages, policies, runs
    │   ├── PolicyError           a freeze policy that reaches nothing or names unknown layers
    │   ├── FrozenChangedError    something frozen moved during a stage; names the layer
    │   ├── LossNotFiniteError    the loss became NaN or infinite; says where
    │   └── RunDirectoryError     a run directory that cannot be written, or belongs to another run
    ├── CombiningError            models that cannot be made into one (also a ValueError)
    ├── EvaluationError           labels and probabilities that do not fit (also a ValueError)
    └── PredictionError           a model that cannot be used or saved as asked (also a ValueError)

Each message says what was received, what was expected and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class TlkitError(Exception):
    """Base of every error that tlkit raises on purpose."""


class BackboneError(TlkitError):
    """Something is wrong with a backbone."""


class UnknownBackboneError(BackboneError, LookupError):
    """No installed plugin provides a backbone of that name."""


class DuplicateBackboneError(BackboneError):
    """Two distributions provide a backbone of one name."""


class PluginError(BackboneError):
    """A plugin could not be loaded, or gave something that is not a backbone."""


class WeightsError(BackboneError):
    """Weights are missing, unreachable or do not fit the backbone."""


class ImageSizeError(BackboneError, ValueError):
    """An image size that the backbone cannot take."""


class CutError(BackboneError):
    """A model that cannot be cut into trunk and tail at that place."""


class DataError(TlkitError, ValueError):
    """Something is wrong with the images or their labels."""


class TableError(DataError):
    """A table lacks columns, rows or files that it should have.

    Args:
        message: What is said.
        missing: Positions of the rows whose images are not there, from 0; of those the message
            names the first few.
    """

    def __init__(self, message: str, missing: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class DamagedImageError(DataError):
    """An image cannot be read; the message names the file and the reason."""


class SplitError(DataError):
    """A split cannot be made as asked."""


class FeatureError(TlkitError):
    """Frozen work could not be done or kept."""


class EngineError(FeatureError):
    """An engine is unknown, not installed, or disagrees with Keras."""


class CacheError(FeatureError):
    """The feature store cannot be written, or what it holds is damaged."""


class LearningRateError(TlkitError, ValueError):
    """A learning-rate search cannot run as asked."""


class SelectorError(LearningRateError):
    """No learning rate can honestly be chosen from this curve."""


class TrainingError(TlkitError):
    """A stage cannot be trained as asked."""


class PolicyError(TrainingError):
    """A freeze policy selects nothing, or names layers that do not exist."""


class FrozenChangedError(TrainingError):
    """Something that was to stay frozen changed during a stage."""


class LossNotFiniteError(TrainingError):
    """The loss became NaN or infinite."""


class RunDirectoryError(TrainingError):
    """A run directory cannot be written, or belongs to another run."""


class CombiningError(TlkitError, ValueError):
    """Models cannot be averaged, or made into one model."""


class EvaluationError(TlkitError, ValueError):
    """Labels and probabilities do not fit together."""


class PredictionError(TlkitError, ValueError):
    """A model cannot be used or saved as asked."""
