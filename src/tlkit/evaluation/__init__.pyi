# The public names of this room.

from .calibration.temperature_scaling import (
    Calibration as Calibration,
    calibrate as calibrate,
)
from .comparing.compare import compare as compare
from .comparing.comparison import Comparison as Comparison
from .evaluation import (
    Evaluation as Evaluation,
    evaluate as evaluate,
)
from .gradcam.explanation import (
    Explanation as Explanation,
    explain as explain,
)

__all__: list[str]
