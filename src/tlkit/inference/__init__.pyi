from .contract import (
    ModelContract as ModelContract,
    read_contract as read_contract,
)
from .export_target import ExportTarget as ExportTarget
from .exporting import (
    Exported as Exported,
    export_model as export_model,
)
from .prediction import Prediction as Prediction
from .predictions import Predictions as Predictions
from .predictor import Predictor as Predictor
from .saving import save_model as save_model
