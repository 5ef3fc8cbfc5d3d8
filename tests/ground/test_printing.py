"""Results print: one line in a list, lines with print, escaped HTML in a notebook."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import tlkit
from tlkit._printing import Printed, code_of, counted, html_table, one_line
from tlkit.combining import GainOverBest
from tlkit.data.damage import DamagedImage
from tlkit.data.sources.stores import ArrayStore
from tlkit.evaluation._label_tables import ImageLabels, PerLabel
from tlkit.evaluation._single_images import ImagePrediction
from tlkit.evaluation._tables import PerClass
from tlkit.evaluation.comparing.comparison import PairResult
from tlkit.evaluation.comparing.recipe_comparison import RecipePair
from tlkit.features.settings import FrozenSettings
from tlkit.features.store._contents import StoreInfo, TableInfo
from tlkit.freezing.policy_preview import LayerPreview, PhasePreview
from tlkit.inference import Exported, ModelContract
from tlkit.probing import (
    Candidate,
    Change,
    ClassOutlook,
    Coefficients,
    Cost,
    Foretold,
    NearDuplicate,
    Outlier,
    RankedBackbone,
    SuspectLabel,
    TransformTrial,
    Unranked,
)
from tlkit.probing._power_law import PowerLaws
from tlkit.testing import CheckReport, CheckResult, tiny_backbone, tiny_dataset
from tlkit.training import (
    Decision,
    DiskNeed,
    Duration,
    PlannedWork,
    StagePlan,
    Trial,
    TrialRound,
)
from tlkit.training.run_dir.recorded_run import (
    RecordedData,
    RecordedRun,
    RecordedSettings,
    RecordedStage,
)
from tlkit.training.stage_result import StageResult

BAD = "<script>alert('x')</script>"
# Longer than any line should be, and of several lines.
NAMES = (f"{BAD}\n{'cat' * 80}", f"{BAD} dog")
ROWS = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]] * 5


def evaluation() -> tlkit.Evaluation:
    images = [f"{BAD}{number}.jpg" for number in range(20)]
    return tlkit.Evaluation.from_predictions([0, 1, 1, 0] * 5, ROWS, NAMES, image_names=images)


def labels() -> tlkit.MultiLabelDataset:
    return tlkit.MultiLabelDataset.from_arrays(
        np.zeros((3, 4, 4, 3), np.uint8), [NAMES[:1]] * 3, NAMES
    )


def label_evaluation() -> tlkit.MultiLabelEvaluation:
    names = [f"{BAD}{number}.jpg" for number in range(20)]
    truth = np.eye(len(NAMES), dtype=int)[[0, 1, 1, 0] * 5]
    return tlkit.MultiLabelEvaluation.from_predictions(truth, ROWS, NAMES, image_names=names)


def stage_result() -> StageResult:
    return StageResult(
        name=NAMES[0],
        history={"loss": [2.0, 1.0] * 50, "accuracy": [0.5, 0.75] * 50},
        best_epoch=1,
        learning_rate=BAD,
        trained_layers=NAMES * 100,
        trained_parameters=1234,
        cut=BAD,
        timings={"training": 2.0},
        notes=(BAD,) * 9,
    )


def training_result() -> tlkit.TrainingResult:
    first = stage_result()
    stages = tuple(replace(first, name=f"{BAD}{number}") for number in range(9))
    return tlkit.TrainingResult(object(), NAMES, stages)


def policy_preview() -> tlkit.PolicyPreview:
    layers = tuple(LayerPreview(f"{BAD}{n}", "Dense", 10, 10) for n in range(99))
    phase = PhasePreview(1, None, layers, 3, 12, None, BAD, (0, 2))
    return tlkit.PolicyPreview("FreezeAll()", NAMES[1], 102, 5000, (phase,) * 9)


def curve() -> tlkit.LRCurve:
    rates = np.geomspace(1e-5, 1, 100)
    return tlkit.LRCurve(rates, (np.log(rates) + 7) ** 2, stop_reason=BAD)


@cache
def features() -> tlkit.Features:
    found = tlkit.extract(
        tiny_backbone(), tiny_dataset(8), weights=None, cache=False, engine="keras", verbose=0
    )
    return replace(found, class_names=NAMES, cut=NAMES[0], notes=(BAD,))


def trainer() -> tlkit.StagedTrainer:
    stages = [tlkit.Stage(f"{BAD}{n}", epochs=3, learning_rate=0.1) for n in range(9)]
    return tlkit.StagedTrainer(tiny_backbone(), stages=stages, weights=None)


def store_info() -> StoreInfo:
    table = TableInfo({"hash": "ab" * 32, "engine": BAD}, 3, 10**7, 1.7e9)
    return StoreInfo(Path("/", "deep" * 60), (table,) * 9, 10**8, 10**9)


def comparison() -> tlkit.Comparison:
    found = evaluation()
    other = tlkit.Evaluation.from_predictions(found.y_true, 1 - found.probabilities, NAMES)
    return tlkit.compare({f"{BAD}a": found, f"{BAD}b": other}, resamples=200)


def cross_validation() -> tlkit.CrossValidation:
    folds = np.arange(20) // 4
    return tlkit.CrossValidation((evaluation(),) * 3, (folds,) * 3, (BAD,) * 9)


def recipes() -> tlkit.RecipeComparison:
    return tlkit.compare({f"{BAD}{name}": cross_validation() for name in "ab"})


def explanation() -> tlkit.Explanation:
    pixels = np.zeros((2, 8, 8, 3), np.uint8)
    heat = np.zeros((2, 8, 8), np.float32)
    return tlkit.Explanation(pixels, heat, np.array([0, 1]), np.array([1.0, 2.0], "f4"), NAMES[0])


def damage() -> tlkit.DamageReport:
    damaged = tuple(DamagedImage(n, f"{BAD}{n}.jpg", "is empty (0 bytes)") for n in range(30))
    return tlkit.DamageReport(9000, damaged, tuple(f"{BAD}{n}.txt" for n in range(9600)))


def dataset() -> tlkit.ImageDataset:
    pixels = np.zeros((4, 8, 8, 3), np.uint8)
    return tlkit.ImageDataset.from_arrays(pixels, [0, 1, 1, 0], [f"{BAD}{'owl' * 80}", "dog"])


def unlabelled() -> tlkit.UnlabelledImages:
    store = ArrayStore(np.zeros((4, 8, 8, 3), np.uint8))
    return tlkit.UnlabelledImages(store, ignored=(BAD,) * 9)


def recorded_run() -> RecordedRun:
    data = RecordedData(4, NAMES, "ab" * 32)
    asked = RecordedSettings("0.1", BAD, 16, "auto", "random", 0, "last", data, None, BAD * 99)
    stages = tuple(RecordedStage(f"{BAD}{n}", 3, stage_result()) for n in range(9))
    return RecordedRun(asked, (*stages, RecordedStage(BAD)), None)


def predictions() -> tlkit.Predictions:
    rows = [tlkit.Prediction(f"{BAD}{n}.jpg", NAMES, (0.75, 0.25)) for n in range(99)]
    return tlkit.Predictions([*rows, tlkit.Prediction(BAD, error=BAD)], NAMES, 2, (BAD,) * 9)


def planned_work() -> PlannedWork:
    return PlannedWork("training", BAD, 300, "steps", Duration.of([1.0, 2.0]))


def disk_need() -> DiskNeed:
    return DiskNeed("features", Path("/", "deep" * 60), 10**7, 10**9)


def stage_plan() -> StagePlan:
    return replace(StagePlan.finished(f"{BAD}a", stage_result()), work=(planned_work(),) * 9)


def training_plan() -> tlkit.TrainingPlan:
    start = (planned_work(),)
    return tlkit.TrainingPlan(
        8, 2, start, (stage_plan(),) * 9, start, (disk_need(),), 9, (BAD,), (BAD,)
    )


def decision() -> Decision:
    return Decision(f"{BAD}policy", tlkit.UnfreezeTop(layers=8), BAD * 9)


def fine_tune_plan() -> tlkit.FineTunePlan:
    told = Decision("start", BAD * 9, BAD, given=True)
    return tlkit.FineTunePlan((decision(), told), trainer(), training_plan())


def probe() -> tlkit.Probe:
    found, notes = features(), (BAD,) * 9
    settings = FrozenSettings(tiny_backbone(), weights=None)
    coefficients = Coefficients(np.zeros((12, 2)), np.zeros(2))
    evaluations = (evaluation(),) * 2
    return tlkit.Probe(settings, found, evaluations, coefficients, 0.1, {}, 5, None, "crop", notes)


def suspects() -> tlkit.Suspects:
    labels = (SuspectLabel(0, BAD, *NAMES, 0.1, 0.9, True),) * 20
    pairs = (NearDuplicate((0, 1), (BAD, BAD), NAMES, 0.1),) * 20
    outliers = (Outlier(0, BAD, NAMES[0], 0.5),) * 20
    return tlkit.Suspects(40, labels, pairs, outliers, np.zeros(40, np.int64))


def ranked() -> RankedBackbone:
    return RankedBackbone(BAD, Candidate(tiny_backbone()), evaluation(), Cost(9.0, 12, 48), 0.5)


def ranking() -> tlkit.Ranking:
    rows = (ranked(), replace(ranked(), name=NAMES[0], cost=Cost(1.0, 12, 48)))
    return tlkit.Ranking(rows, (Unranked(NAMES[0], BAD * 9),) * 3, 20, (BAD,) * 3)


def learning_curve() -> tlkit.LearningCurve:
    law = PowerLaws(np.array([0.9]), np.array([1.0]), np.array([0.5]))
    classes = (ClassOutlook(BAD, 9, 0.5, 0.1),) * 9
    return tlkit.LearningCurve(90, (20, 40, 80), np.ones((3, 2)) / 2, law, law, classes)


def transform_trial() -> TransformTrial:
    return TransformTrial(BAD, tlkit.Augmentation(), Change(0.1, 0.0, 0.2), Change(0.1, 0.0, 0.2))


def suggested_augmentation() -> tlkit.SuggestedAugmentation:
    trials, change = (transform_trial(),) * 9, Change(0.1, 0.0, 0.2)
    chosen = tlkit.Augmentation()
    return tlkit.SuggestedAugmentation(chosen, trials, change, (BAD,) * 9, 0.5, 1000, 4)


def gain() -> GainOverBest:
    return GainOverBest(
        f"{BAD}a", f"{BAD}b", {f"{BAD}a": 0.5, f"{BAD}b": 0.6}, comparison(), False, False
    )


def soup() -> tlkit.Soup:
    contract = ModelContract(NAMES, (8, 8))
    return tlkit.Soup(object(), contract, NAMES * 9, gain(), (BAD,) * 9, NAMES, greedy=True)


def ensemble() -> tlkit.Ensemble:
    contract = ModelContract(NAMES, (8, 8))
    return tlkit.Ensemble(object(), contract, NAMES * 9, gain(), (BAD,) * 9, NAMES[0])


def trial() -> Trial:
    settings = {f"{BAD}policy": tlkit.UnfreezeTop(layers=8), "loss": BAD * 9}
    rounds = (TrialRound(3, 9.0, evaluation()), TrialRound(9, 1.0, error=BAD * 9))
    return Trial(1, settings, "failed", rounds, "weighted_f1", is_default=True)


def tuned() -> tlkit.Tuned:
    rows = (replace(trial(), rounds=trial().rounds[:1], is_default=False), *(trial(),) * 9)
    told = (evaluation(), "weighted_f1", 20, None, 99, (BAD,) * 9)
    return tlkit.Tuned(rows, dict(trial().settings), trainer(), None, *told)


RESULTS: dict[type, Callable[[], object]] = {
    CheckReport: lambda: CheckReport(BAD, (CheckResult(BAD, "failed", 1.0, BAD * 9),) * 20),
    CheckResult: lambda: CheckResult(BAD, "failed", 1.0, BAD * 9),
    StageResult: stage_result,
    StoreInfo: store_info,
    TableInfo: lambda: store_info().tables[0],
    tlkit.Calibration: lambda: tlkit.Calibration(1.5, evaluation(), evaluation(), object()),
    tlkit.Comparison: comparison,
    tlkit.Soup: soup,
    tlkit.Ensemble: ensemble,
    GainOverBest: gain,
    tlkit.CrossValidation: cross_validation,
    tlkit.RecipeComparison: recipes,
    RecipePair: lambda: recipes().pairs[0],
    tlkit.DamageReport: damage,
    tlkit.Evaluation: evaluation,
    tlkit.Explanation: explanation,
    tlkit.Features: features,
    tlkit.PrecisionCheck: lambda: tlkit.PrecisionCheck(BAD, "int8", 0.96, 0.9, 0.8, 300),
    tlkit.ImageDataset: dataset,
    tlkit.UnlabelledImages: unlabelled,
    tlkit.LRCurve: curve,
    tlkit.PolicyPreview: policy_preview,
    tlkit.Prediction: lambda: predictions()[0],
    tlkit.Predictions: predictions,
    Exported: lambda: Exported(Path(BAD), "onnx", (Path(BAD),), 48, 1e-7, 0),
    RecordedRun: recorded_run,
    tlkit.Probe: probe,
    tlkit.LearningCurve: learning_curve,
    ClassOutlook: lambda: learning_curve().classes[0],
    Foretold: lambda: learning_curve().at(90),
    tlkit.Suspects: suspects,
    SuspectLabel: lambda: suspects().labels[0],
    NearDuplicate: lambda: suspects().duplicates[0],
    Outlier: lambda: suspects().outliers[0],
    tlkit.Ranking: ranking,
    RankedBackbone: ranked,
    Unranked: lambda: Unranked(NAMES[0], BAD * 9),
    tlkit.SuggestedAugmentation: suggested_augmentation,
    TransformTrial: transform_trial,
    Change: lambda: Change(0.1, 0.0, 0.2),
    tlkit.StagedTrainer: trainer,
    tlkit.TrainingResult: training_result,
    tlkit.MultiLabelDataset: labels,
    tlkit.MultiLabelEvaluation: label_evaluation,
    PerLabel: lambda: label_evaluation().per_class,
    ImageLabels: lambda: label_evaluation().top_losses(1)[0],
    PerClass: lambda: evaluation().per_class,
    ImagePrediction: lambda: evaluation().top_losses(1)[0],
    PairResult: lambda: comparison().pairs[0],
    tlkit.TrainingPlan: training_plan,
    tlkit.PlanTimings: tlkit.PlanTimings,
    tlkit.Tuned: tuned,
    Trial: trial,
    tlkit.FineTunePlan: fine_tune_plan,
    Decision: decision,
    StagePlan: stage_plan,
    PlannedWork: planned_work,
    DiskNeed: disk_need,
    Duration: lambda: Duration.of([1.0, 2.0]),
}
# They are given and not got: settings, which print as the code that makes them, errors, and what
# runs work.
SETTINGS = {
    *("ExportTarget", "ProcessExecutor", "RayExecutor", "Predictor", "ModelContract"),
    "Coefficients",
    *(
        "Augmentation",
        "BackboneSpec",
        "ColorJitter",
        "EngineSpec",
        "ExponentialLRFinder",
        "Head",
        "ProbeStage",
        "RandAugment",
        "RandomErasing",
        "Stage",
    ),
    *("Candidate", "Cost", "TrialRound"),
    *("BatchNormOnly", "FreezeAll", "GradualUnfreeze", "LoRA", "UnfreezeAll", "UnfreezeTop"),
    *("MinimumOverTen", "ShareOfFall", "SmoothedMinimum", "Steepest", "Valley"),
    *("OneCycle", "Staircase", "WarmupCosine"),
}
ROOMS = (
    *("backbones", "combining", "data", "evaluation", "features", "freezing"),
    *("inference", "learning_rate", "probing", "training"),
)


class Tags(HTMLParser):
    """Collects what tags a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.found.add(tag)


def test_every_public_result_class_is_tested_here() -> None:
    rooms = [tlkit, *(importlib.import_module(f"tlkit.{room}") for room in ROOMS)]
    public = {getattr(room, name) for room in rooms for name in room.__all__}
    classes = {kind for kind in public if inspect.isclass(kind)}
    given = {kind for kind in classes if kind.__name__ in SETTINGS}
    assert {k for k in classes - given if not issubclass(k, Exception)} <= set(RESULTS)


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_a_result_has_a_repr_of_one_short_line(kind: type) -> None:
    text = repr(RESULTS[kind]())
    assert text.startswith(f"{kind.__name__}(")
    assert len(text) < 200
    assert "\n" not in text
    assert "array(" not in text


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_a_result_is_escaped_in_a_notebook(kind: type) -> None:
    result = RESULTS[kind]()
    page: str = result._repr_html_()  # type: ignore[attr-defined]
    tags = Tags()
    tags.feed(page)
    assert tags.found <= {"pre", "table", "thead", "tbody", "tr", "th", "td", "p"}
    assert tags.found
    assert "<script" not in page
    # JupyterLab shows a bare pre in the font of its surroundings: columns would not stand.
    assert page.count("<pre") == page.count('<pre style="font-family: var(--jp-code-font-family,')


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_a_result_prints_without_addresses(kind: type) -> None:
    assert " at 0x" not in str(RESULTS[kind]())


def test_a_trainer_prints_as_the_code_that_makes_it() -> None:
    stages = (
        tlkit.Stage("head", epochs=2, learning_rate=0.01),
        tlkit.Stage("top", epochs=3, learning_rate=1e-4, policy=tlkit.UnfreezeTop(layers=2)),
    )
    made = tlkit.StagedTrainer("xception", stages=stages, weights=None, run_dir="run", seed=3)
    again = eval(str(made), vars(tlkit) | {n: getattr(tlkit, n) for n in tlkit.__all__})  # noqa: S307
    assert str(again) == str(made)
    assert again.stages == stages
    assert (again.weights, again.run_dir, again.seed) == (None, Path("run"), 3)
    assert again.backbone.name == "xception"
    short = tlkit.StagedTrainer("xception", stages=stages[:1])
    code = "StagedTrainer('xception', stages=(Stage('head', epochs=2, learning_rate=0.01),))"
    assert repr(short) == code


def test_a_stage_prints_as_the_code_that_makes_it_without_the_defaults() -> None:
    assert code_of(tlkit.Stage("a", epochs=1, learning_rate=1.0))["epochs"] == "epochs=1"
    full = tlkit.Stage(
        "full",
        epochs=5,
        learning_rate=tlkit.ExponentialLRFinder(1e-5, 1.0, steps=20),
        policy=tlkit.UnfreezeAll(),
        augmentation=tlkit.Augmentation(rotation=5),
        keep_best=None,
        class_weight={"cat": 2.0},
        snapshots=(2,),
    )
    names = {name: getattr(tlkit, name) for name in tlkit.__all__}
    assert eval(repr(full), names) == full  # noqa: S307 - the promise under test


def test_a_damage_report_of_thousands_of_other_files_counts_them_by_kind() -> None:
    names = [f"cat/{n}.txt" for n in range(9000)] + [f"dog/{n}.XML" for n in range(599)]
    report = tlkit.DamageReport(100, ignored=(*names, "LICENSE"))
    lines = str(report).splitlines()
    assert lines[0] == "100 images checked, none is damaged."
    kinds = "9,000 .txt, 599 .xml, 1 without ending"
    assert lines[1] == f"9,600 files ignored, not part of the dataset ({kinds}):"
    assert lines[2:12] == [f"  cat/{n}.txt" for n in range(10)]
    assert lines[12:] == ["  and 9,590 more: report.ignored lists them"]
    many = tlkit.DamageReport(1, ignored=tuple(f"a.x{n}" for n in range(12)))
    assert "and 2 kinds more" in str(many)
    one = tlkit.DamageReport(1, ignored=("a.txt",))
    assert str(one).splitlines()[1:] == [
        "1 file ignored, not part of the dataset (1 .txt):",
        "  a.txt",
    ]


def test_a_damaged_image_is_raised_without_the_ignored_files() -> None:
    with pytest.raises(tlkit.errors.DamagedImageError) as error:
        damage().raise_if_any()
    assert len(str(error.value).split("; ")) == 11
    assert ".txt" not in str(error.value)


def test_texts_are_shortened_counted_and_escaped() -> None:
    assert one_line("a\n  b") == "a b"
    assert len(one_line("x" * 999)) < 200
    assert counted(2, "image") == "2 images"
    assert html_table(["<a>"], [["<b>"]]).count("<a>") == 0
    assert issubclass(tlkit.Evaluation, Printed)
