# The public names of this room.

from .augmenting import suggest_augmentation as suggest_augmentation
from .candidate import Candidate as Candidate
from .coefficients import Coefficients as Coefficients
from .curve import (
    ClassOutlook as ClassOutlook,
    Foretold as Foretold,
    LearningCurve as LearningCurve,
)
from .learning_curve import learning_curve as learning_curve
from .probe import probe as probe
from .rank import rank_backbones as rank_backbones
from .ranked import (
    Cost as Cost,
    RankedBackbone as RankedBackbone,
    Unranked as Unranked,
)
from .ranking import Ranking as Ranking
from .result import Probe as Probe
from .suggested_augmentation import (
    Change as Change,
    SuggestedAugmentation as SuggestedAugmentation,
    TransformTrial as TransformTrial,
)
from .suspects import (
    NearDuplicate as NearDuplicate,
    Outlier as Outlier,
    SuspectLabel as SuspectLabel,
    Suspects as Suspects,
    suspects as suspects,
)

__all__: list[str]
