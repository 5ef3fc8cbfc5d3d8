# The one list of public names: __init__.py reads it (lazy_loader), and type checkers do.

from . import (
    cache as cache,
    errors as errors,
    recipes as recipes,
    sklearn as sklearn,
    testing as testing,
)
from ._plugins.hooks import hookimpl as hookimpl
from .backbones.build import build_backbone as build_backbone
from .backbones.registry import (
    get_backbone as get_backbone,
    list_backbones as list_backbones,
)
from .backbones.spec import BackboneSpec as BackboneSpec
from .combining.ensembles import (
    Ensemble as Ensemble,
    ensemble as ensemble,
)
from .combining.soups import (
    Soup as Soup,
    soup as soup,
)
from .data.augmentation.color import ColorJitter as ColorJitter
from .data.augmentation.erasing import RandomErasing as RandomErasing
from .data.augmentation.geometric import Augmentation as Augmentation
from .data.augmentation.rand_augment import RandAugment as RandAugment
from .data.augmentation.show_augmented import show_augmented as show_augmented
from .data.damage import DamageReport as DamageReport
from .data.dataset import ImageDataset as ImageDataset
from .data.multi_label import MultiLabelDataset as MultiLabelDataset
from .data.unlabelled import UnlabelledImages as UnlabelledImages
from .errors import TlkitError as TlkitError
from .evaluation.calibration.temperature_scaling import (
    Calibration as Calibration,
    calibrate as calibrate,
)
from .evaluation.comparing.compare import compare as compare
from .evaluation.comparing.comparison import Comparison as Comparison
from .evaluation.comparing.recipe_comparison import RecipeComparison as RecipeComparison
from .evaluation.cross_validation import CrossValidation as CrossValidation
from .evaluation.evaluating import evaluate as evaluate
from .evaluation.evaluation import Evaluation as Evaluation
from .evaluation.gradcam.explanation import (
    Explanation as Explanation,
    explain as explain,
)
from .evaluation.multi_label import MultiLabelEvaluation as MultiLabelEvaluation
from .features.engines.engine import EngineSpec as EngineSpec
from .features.engines.registry import list_engines as list_engines
from .features.extraction import (
    Features as Features,
    extract as extract,
)
from .features.precision.check import PrecisionCheck as PrecisionCheck
from .features.workers.processes import ProcessExecutor as ProcessExecutor
from .features.workers.ray_tasks import RayExecutor as RayExecutor
from .freezing.head import Head as Head
from .freezing.lora import LoRA as LoRA
from .freezing.policies import (
    BatchNormOnly as BatchNormOnly,
    FreezeAll as FreezeAll,
    GradualUnfreeze as GradualUnfreeze,
    UnfreezeAll as UnfreezeAll,
    UnfreezeTop as UnfreezeTop,
)
from .freezing.policy_preview import (
    PolicyPreview as PolicyPreview,
)
from .freezing.previews import (
    preview as preview,
)
from .inference.prediction import Prediction as Prediction
from .inference.predictions import Predictions as Predictions
from .inference.predictor import Predictor as Predictor
from .learning_rate.curve import LRCurve as LRCurve
from .learning_rate.finder import ExponentialLRFinder as ExponentialLRFinder
from .learning_rate.schedules import (
    OneCycle as OneCycle,
    Staircase as Staircase,
    WarmupCosine as WarmupCosine,
)
from .learning_rate.selectors.minimum_over_ten import MinimumOverTen as MinimumOverTen
from .learning_rate.selectors.share_of_fall import ShareOfFall as ShareOfFall
from .learning_rate.selectors.smoothed_minimum import SmoothedMinimum as SmoothedMinimum
from .learning_rate.selectors.steepest import Steepest as Steepest
from .learning_rate.selectors.valley import Valley as Valley
from .probing.augmenting import suggest_augmentation as suggest_augmentation
from .probing.candidate import Candidate as Candidate
from .probing.curve import LearningCurve as LearningCurve
from .probing.learning_curve import learning_curve as learning_curve
from .probing.probe import probe as probe
from .probing.rank import rank_backbones as rank_backbones
from .probing.ranking import Ranking as Ranking
from .probing.result import Probe as Probe
from .probing.suggested_augmentation import SuggestedAugmentation as SuggestedAugmentation
from .probing.suspects import (
    Suspects as Suspects,
    suspects as suspects,
)
from .reporting.html_report import report as report
from .training.cross_validation.cross_validate import cross_validate as cross_validate
from .training.fine_tuning.fine_tune import fine_tune as fine_tune
from .training.fine_tuning.plan import FineTunePlan as FineTunePlan
from .training.planning.plan import TrainingPlan as TrainingPlan
from .training.planning.timings import PlanTimings as PlanTimings
from .training.probe_stage import ProbeStage as ProbeStage
from .training.result import TrainingResult as TrainingResult
from .training.stage import Stage as Stage
from .training.trainer import StagedTrainer as StagedTrainer
from .training.tuning.tune import tune as tune
from .training.tuning.tuned import Tuned as Tuned

__version__: str
__all__: list[str]
