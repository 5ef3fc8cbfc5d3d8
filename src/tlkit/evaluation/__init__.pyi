# The public names of this room.

from .calibration.temperature_scaling import (
    Calibration as Calibration,
    calibrate as calibrate,
)
from .comparing.compare import compare as compare
from .comparing.comparison import Comparison as Comparison
from .comparing.recipe_comparison import RecipeComparison as RecipeComparison
from .cross_validation import CrossValidation as CrossValidation
from .evaluating import evaluate as evaluate
from .evaluation import Evaluation as Evaluation
from .gradcam.explanation import (
    Explanation as Explanation,
    explain as explain,
)
from .multi_label import MultiLabelEvaluation as MultiLabelEvaluation

__all__: list[str]
