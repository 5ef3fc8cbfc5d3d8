"""Transfer learning for Keras 3: frozen work is done once, settings do what they say.

Importing this package loads no framework; each public name is imported on first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlkit.backbones.build import build_backbone
    from tlkit.backbones.plugins import hookimpl
    from tlkit.backbones.registry import get_backbone, list_backbones
    from tlkit.backbones.spec import BackboneSpec
    from tlkit.data.augment import Augmentation
    from tlkit.data.dataset import ImageDataset
    from tlkit.data.decode import DamageReport
    from tlkit.data.pictures import show_augmented
    from tlkit.errors import TlkitError
    from tlkit.evaluation.calibration import Calibration, calibrate
    from tlkit.evaluation.compare import Comparison, compare
    from tlkit.evaluation.explain import Explanation, explain
    from tlkit.evaluation.metrics import Evaluation, evaluate
    from tlkit.evaluation.report import report
    from tlkit.features import cache
    from tlkit.features.engine_spec import EngineSpec
    from tlkit.features.engines import list_engines
    from tlkit.features.processes import processes
    from tlkit.learning_rate.curve import LRCurve
    from tlkit.learning_rate.finder import ExponentialLRFinder
    from tlkit.learning_rate.selectors import MinimumOverTen, SmoothedMinimum, Steepest, Valley
    from tlkit.learning_rate.share_of_fall import ShareOfFall
    from tlkit.training import recipes
    from tlkit.training.extraction import Features, extract
    from tlkit.training.fine_tune import fine_tune
    from tlkit.training.head import Head
    from tlkit.training.policies import (
        BatchNormOnly,
        FreezeAll,
        GradualUnfreeze,
        UnfreezeAll,
        UnfreezeTop,
    )
    from tlkit.training.preview import PolicyPreview, preview
    from tlkit.training.result import TrainingResult
    from tlkit.training.schedules import WarmupCosine
    from tlkit.training.stage import Stage
    from tlkit.training.trainer import StagedTrainer

__version__ = "0.1.0"

_HOMES = {
    "Augmentation": "tlkit.data.augment",
    "BackboneSpec": "tlkit.backbones.spec",
    "BatchNormOnly": "tlkit.training.policies",
    "Calibration": "tlkit.evaluation.calibration",
    "Comparison": "tlkit.evaluation.compare",
    "DamageReport": "tlkit.data.decode",
    "EngineSpec": "tlkit.features.engine_spec",
    "Evaluation": "tlkit.evaluation.metrics",
    "Explanation": "tlkit.evaluation.explain",
    "ExponentialLRFinder": "tlkit.learning_rate.finder",
    "Features": "tlkit.training.extraction",
    "FreezeAll": "tlkit.training.policies",
    "GradualUnfreeze": "tlkit.training.policies",
    "Head": "tlkit.training.head",
    "ImageDataset": "tlkit.data.dataset",
    "LRCurve": "tlkit.learning_rate.curve",
    "MinimumOverTen": "tlkit.learning_rate.selectors",
    "PolicyPreview": "tlkit.training.preview",
    "ShareOfFall": "tlkit.learning_rate.share_of_fall",
    "SmoothedMinimum": "tlkit.learning_rate.selectors",
    "Stage": "tlkit.training.stage",
    "StagedTrainer": "tlkit.training.trainer",
    "Steepest": "tlkit.learning_rate.selectors",
    "TlkitError": "tlkit.errors",
    "TrainingResult": "tlkit.training.result",
    "UnfreezeAll": "tlkit.training.policies",
    "UnfreezeTop": "tlkit.training.policies",
    "Valley": "tlkit.learning_rate.selectors",
    "WarmupCosine": "tlkit.training.schedules",
    "build_backbone": "tlkit.backbones.build",
    "cache": "tlkit.features",
    "calibrate": "tlkit.evaluation.calibration",
    "compare": "tlkit.evaluation.compare",
    "evaluate": "tlkit.evaluation.metrics",
    "explain": "tlkit.evaluation.explain",
    "extract": "tlkit.training.extraction",
    "fine_tune": "tlkit.training.fine_tune",
    "get_backbone": "tlkit.backbones.registry",
    "hookimpl": "tlkit.backbones.plugins",
    "list_backbones": "tlkit.backbones.registry",
    "list_engines": "tlkit.features.engines",
    "preview": "tlkit.training.preview",
    "processes": "tlkit.features.processes",
    "recipes": "tlkit.training",
    "report": "tlkit.evaluation.report",
    "show_augmented": "tlkit.data.pictures",
}

__all__ = [
    "Augmentation",
    "BackboneSpec",
    "BatchNormOnly",
    "Calibration",
    "Comparison",
    "DamageReport",
    "EngineSpec",
    "Evaluation",
    "Explanation",
    "ExponentialLRFinder",
    "Features",
    "FreezeAll",
    "GradualUnfreeze",
    "Head",
    "ImageDataset",
    "LRCurve",
    "MinimumOverTen",
    "PolicyPreview",
    "ShareOfFall",
    "SmoothedMinimum",
    "Stage",
    "StagedTrainer",
    "Steepest",
    "TlkitError",
    "TrainingResult",
    "UnfreezeAll",
    "UnfreezeTop",
    "Valley",
    "WarmupCosine",
    "build_backbone",
    "cache",
    "calibrate",
    "compare",
    "evaluate",
    "explain",
    "extract",
    "fine_tune",
    "get_backbone",
    "hookimpl",
    "list_backbones",
    "list_engines",
    "preview",
    "processes",
    "recipes",
    "report",
    "show_augmented",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tlkit' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    if not hasattr(home, name):  # a module, such as tlkit.recipes, that nobody has imported yet
        import_module(f"{home.__name__}.{name}")
    value = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
