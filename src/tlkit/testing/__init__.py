"""For tests: a tiny backbone and data set, and the kit that checks a plugin's backbones."""

from tlkit.testing.failure import BackboneCheckError
from tlkit.testing.kit import BACKBONE_CHECKS, check_backbone
from tlkit.testing.parametrize import parametrize_backbones
from tlkit.testing.report import CheckReport, CheckResult
from tlkit.testing.tiny import TINY_SIZE, tiny_backbone, tiny_dataset, tiny_model

__all__ = [
    "BACKBONE_CHECKS",
    "TINY_SIZE",
    "BackboneCheckError",
    "CheckReport",
    "CheckResult",
    "check_backbone",
    "parametrize_backbones",
    "tiny_backbone",
    "tiny_dataset",
    "tiny_model",
]
