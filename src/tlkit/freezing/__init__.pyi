# The public names of this room.

from .head import Head as Head
from .policies import (
    BatchNormOnly as BatchNormOnly,
)
from .policies import (
    FreezeAll as FreezeAll,
)
from .policies import (
    GradualUnfreeze as GradualUnfreeze,
)
from .policies import (
    UnfreezeAll as UnfreezeAll,
)
from .policies import (
    UnfreezeTop as UnfreezeTop,
)
from .previews import (
    PolicyPreview as PolicyPreview,
)
from .previews import (
    preview as preview,
)

__all__: list[str]
