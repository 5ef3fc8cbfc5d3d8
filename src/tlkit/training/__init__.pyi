# The public names of this room.

from . import recipes as recipes
from .cross_validation.cross_validate import cross_validate as cross_validate
from .fine_tuning.fine_tune import fine_tune as fine_tune
from .fine_tuning.plan import FineTunePlan as FineTunePlan
from .fine_tuning.trainer import fine_tune_trainer as fine_tune_trainer
from .planning.duration import Duration as Duration
from .planning.plan import DiskNeed as DiskNeed, TrainingPlan as TrainingPlan
from .planning.stage_plan import PlannedWork as PlannedWork, StagePlan as StagePlan
from .planning.timings import PlanTimings as PlanTimings
from .probe_stage import ProbeStage as ProbeStage
from .recipes.decision import Decision as Decision
from .result import TrainingResult as TrainingResult
from .run_dir.recorded_run import RecordedRun as RecordedRun, read_run as read_run
from .stage import Stage as Stage
from .stage_result import StageResult as StageResult
from .trainer import StagedTrainer as StagedTrainer
from .tuning.trial import Trial as Trial, TrialRound as TrialRound
from .tuning.tune import tune as tune
from .tuning.tuned import Tuned as Tuned

__all__: list[str]
