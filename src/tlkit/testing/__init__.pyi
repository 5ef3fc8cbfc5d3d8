# The public names of this room.

from .failure import BackboneCheckError as BackboneCheckError
from .kit import BACKBONE_CHECKS as BACKBONE_CHECKS, check_backbone as check_backbone
from .parametrize import parametrize_backbones as parametrize_backbones
from .report import CheckReport as CheckReport, CheckResult as CheckResult
from .tiny import (
    TINY_SIZE as TINY_SIZE,
    tiny_backbone as tiny_backbone,
    tiny_dataset as tiny_dataset,
    tiny_model as tiny_model,
)

__all__: list[str]
