from .contract import (
    ModelContract as ModelContract,
    read_contract as read_contract,
)
from .exporting import (
    Exported as Exported,
    ExportTarget as ExportTarget,
    export_model as export_model,
)
from .predictions import (
    Prediction as Prediction,
    Predictions as Predictions,
)
from .predictor import Predictor as Predictor
from .saving import save_model as save_model
