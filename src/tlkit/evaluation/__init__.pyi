# The public names of this room.

from .calibration.temperature_scaling import (
    Calibration as Calibration,
)
from .calibration.temperature_scaling import (
    calibrate as calibrate,
)
from .comparing.compare import compare as compare
from .comparing.comparison import Comparison as Comparison
from .evaluation import (
    Evaluation as Evaluation,
)
from .evaluation import (
    evaluate as evaluate,
)
from .gradcam.explanation import (
    Explanation as Explanation,
)
from .gradcam.explanation import (
    explain as explain,
)

__all__: list[str]
