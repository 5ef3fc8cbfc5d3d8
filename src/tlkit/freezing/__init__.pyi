# The public names of this room.

from .head import Head as Head
from .lora import LoRA as LoRA
from .policies import (
    BatchNormOnly as BatchNormOnly,
    FreezeAll as FreezeAll,
    GradualUnfreeze as GradualUnfreeze,
    UnfreezeAll as UnfreezeAll,
    UnfreezeTop as UnfreezeTop,
)
from .policy_preview import PolicyPreview as PolicyPreview
from .previews import (
    preview as preview,
)

__all__: list[str]
