# The public names of this room.

from . import recipes as recipes
from .fine_tuning import fine_tune as fine_tune
from .result import (
    StageResult as StageResult,
    TrainingResult as TrainingResult,
)
from .run_dir.recorded_run import RecordedRun as RecordedRun, read_run as read_run
from .stage import Stage as Stage
from .trainer import StagedTrainer as StagedTrainer

__all__: list[str]
