"""Scores are scikit-learn's, bad input is named, and what is printed can be read."""

from __future__ import annotations

import json
import time
from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from tlkit import Evaluation, TlkitError, evaluate
from tlkit.errors import EvaluationError

unhurried = settings(deadline=None, max_examples=60)


@st.composite
def cases(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and probabilities, with ties, absent classes and certain answers."""
    classes, images = draw(st.integers(2, 8)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = random.integers(0, draw(st.integers(1, classes)), images)
    weights = random.integers(0, draw(st.sampled_from([1, 3, 100])) + 1, (images, classes)) + 0.0
    weights[weights.sum(axis=1) == 0] = 1
    return labels, weights / weights.sum(axis=1, keepdims=True)


def brier_score(labels: NDArray[np.int64], rows: NDArray[np.float64]) -> float:
    """scikit-learn's, which takes several classes from 1.7 on; before that, its formula."""
    every = np.arange(rows.shape[1])
    if "labels" in signature(sk.brier_score_loss).parameters:
        return float(sk.brier_score_loss(labels, rows, labels=every))
    distance = ((rows - (labels[:, None] == every)) ** 2).sum(axis=1).mean()
    return float(distance / 2 if len(every) == 2 else distance)


def calibration_error(labels: NDArray[np.int64], rows: NDArray[np.float64], bins: int) -> float:
    """Guo 2017, equation 3, image by image and bin by bin."""
    sure, right = rows.max(axis=1), rows.argmax(axis=1) == labels
    error = 0.0
    for number in range(bins):
        # Compared as sure * bins, for the ends of the bins are not exact in binary.
        inside = (sure * bins > number) & (sure * bins <= number + 1)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    return error


@unhurried
@given(case=cases())
def test_scores_equal_scikit_learns(case: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    labels, rows = case
    found, guess = Evaluation.from_predictions(labels, rows), rows.argmax(axis=1)
    every = np.arange(rows.shape[1])

    def same(ours: float, theirs: float) -> None:
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12, nan_ok=True)

    same(found.weighted_f1, sk.f1_score(labels, guess, average="weighted"))
    same(found.macro_f1, sk.f1_score(labels, guess, average="macro"))
    same(found.accuracy, sk.accuracy_score(labels, guess))
    same(found.log_loss, sk.log_loss(labels, found.probabilities, labels=every))
    same(found.brier_score, brier_score(labels, found.probabilities))
    same(found.expected_calibration_error(), calibration_error(labels, found.probabilities, 15))
    one = len(np.unique([*labels, *guess])) == 1
    same(found.cohen_kappa, np.nan if one else sk.cohen_kappa_score(labels, guess))
    present = np.unique(labels)
    recalls = sk.recall_score(labels, guess, labels=present, average=None, zero_division=0)
    same(found.balanced_accuracy, recalls.mean())
    assert np.array_equal(found.confusion, sk.confusion_matrix(labels, guess, labels=every))
    for normalize in ("true", "pred", "all"):
        theirs = sk.confusion_matrix(labels, guess, labels=every, normalize=normalize)
        assert found.normalized_confusion(normalize) == pytest.approx(theirs, rel=1e-12)
    table = sk.precision_recall_fscore_support(labels, guess, labels=every, zero_division=0)
    ours = [(row.precision, row.recall, row.f1, row.support) for row in found.per_class]
    assert np.array(ours) == pytest.approx(np.array(table).T, rel=1e-12, abs=1e-12)


@unhurried
@given(case=cases(), k=st.integers(1, 8))
def test_top_k_equals_scikit_learns(
    case: tuple[NDArray[np.int64], NDArray[np.float64]], k: int
) -> None:
    labels, rows = case
    found = Evaluation.from_predictions(labels, rows)
    classes = rows.shape[1]
    if classes > 2 and k < classes:
        theirs = sk.top_k_accuracy_score(
            labels, found.probabilities, k=k, labels=np.arange(classes)
        )
        assert found.top_k(k) == pytest.approx(theirs, rel=1e-12)
    assert found.top_k(classes) == 1.0


def test_balanced_accuracy_equals_scikit_learns(good: Evaluation) -> None:
    theirs = sk.balanced_accuracy_score(good.y_true, good.predictions)
    assert good.balanced_accuracy == pytest.approx(theirs, rel=1e-12)


def test_a_class_without_images_scores_zero_and_does_not_weigh() -> None:
    found = Evaluation.from_predictions([0, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert found.weighted_f1 == found.macro_f1 == found.balanced_accuracy == 1.0
    assert found.per_class[2].support == 0
    assert found.per_class[2].f1 == 0.0


def test_one_image_is_enough() -> None:
    found = Evaluation.from_predictions([1], [[0.4, 0.6]])
    assert found.accuracy == 1.0
    # One right image of one excludes what would be right in less than 2.5 %.
    assert found.interval("accuracy") == pytest.approx((0.025, 1.0))
    assert "1 images" in found.summary()


@pytest.mark.parametrize(
    ("labels", "rows", "said"),
    [
        ([], np.zeros((0, 3)), "no image"),
        ([0], [0.5, 0.5], r"shape \(2,\); expected \(images, classes\)"),
        ([0], [[1.0]], "1 class; expected two or more"),
        ([0], [["a", "b"]], "not numbers"),
        ([0, 1], [[0.5, 0.5]], r"y_true has shape \(2,\)"),
        ([[0]], [[0.5, 0.5]], r"y_true has shape \(1, 1\)"),
        ([2], [[0.5, 0.5]], r"y_true\[0\] is 2, but there are 2 classes"),
        ([-1], [[0.5, 0.5]], r"y_true\[0\] is -1"),
        ([0.0], [[0.5, 0.5]], "float64 values; expected class numbers"),
        (["cat"], [[0.5, 0.5]], "class_names.index"),
        ([0, 0], [[0.5, 0.5], [0.5, np.nan]], r"row 1 .* NaN"),
        ([0], [[np.inf, 0]], "infinity"),
        ([0], [[0.5, 0.4]], r"row 0 .* sums to 0\.9.*softmax"),
        ([0], [[3.0, -2.0]], "values from -2 to 3"),
    ],
)
def test_what_does_not_fit_together_is_refused(labels: Any, rows: Any, said: str) -> None:
    with pytest.raises(EvaluationError, match=said) as caught:
        Evaluation.from_predictions(labels, rows)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TlkitError)


@pytest.mark.parametrize(
    ("names", "said"), [(["a"], "1 class names and 2 columns"), (["a", "a"], "'a' occurs twice")]
)
def test_class_names_must_fit(names: list[str], said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        Evaluation.from_predictions([0], [[0.5, 0.5]], names)


def test_image_names_must_fit() -> None:
    with pytest.raises(EvaluationError, match="2 image names and 1 images"):
        Evaluation.from_predictions([0], [[0.5, 0.5]], image_names=["a", "b"])


def test_half_precision_probabilities_are_accepted_and_sum_to_one() -> None:
    rows = np.full((3, 1000), 1 / 1000, np.float16)
    found = Evaluation.from_predictions([0, 1, 2], rows)
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-12)


def test_the_callers_arrays_are_not_touched() -> None:
    rows = np.array([[0.5, 0.501]])
    Evaluation.from_predictions([0], rows)
    assert rows[0, 1] == 0.501


@pytest.mark.parametrize("k", [0, 6])
def test_top_k_beyond_the_classes_is_refused(good: Evaluation, k: int) -> None:
    with pytest.raises(EvaluationError, match=f"k={k}"):
        good.top_k(k)


METRICS = [
    *("weighted_f1", "macro_f1", "accuracy", "balanced_accuracy", "cohen_kappa"),
    *("log_loss", "brier_score", "top_2"),
]


@pytest.mark.parametrize("metric", METRICS)
def test_interval_holds_the_score_and_is_the_same_for_the_same_seed(
    good: Evaluation, metric: str
) -> None:
    low, high = good.interval(metric)
    assert low < good.score(metric) < high
    assert good.interval(metric) == (low, high)
    assert good.interval(metric, level=0.5)[0] > low


@pytest.mark.parametrize("metric", ["log_loss", "brier_score"])
def test_interval_of_a_loss_depends_on_the_seed(good: Evaluation, metric: str) -> None:
    assert good.interval(metric, seed=1) != good.interval(metric)


def test_interval_of_accuracy_has_the_width_that_theory_gives(good: Evaluation) -> None:
    low, high = good.interval("accuracy")
    error = np.sqrt(good.accuracy * (1 - good.accuracy) / len(good))
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.05)


@pytest.mark.parametrize(
    ("settings_", "said"),
    [
        ({"metric": "f1"}, r"metric='f1' is not known; expected one of weighted_f1"),
        ({"metric": "roc_auc"}, "ROC AUC has no interval"),
        ({"metric": "top_6"}, r"k=6: expected 1 .. 5"),
        ({"metric": "accuracy", "level": 1.0}, "level=1.0"),
        ({"metric": "accuracy", "resamples": 10}, "resamples=10"),
    ],
)
def test_interval_refuses_settings_out_of_range(
    good: Evaluation, settings_: dict[str, Any], said: str
) -> None:
    with pytest.raises(EvaluationError, match=said):
        good.interval(**settings_)


@pytest.mark.parametrize("metric", ["weighted_f1", "log_loss"])
def test_intervals_of_a_full_sized_study_take_seconds(metric: str) -> None:
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.ones(27), size=17_000)
    found = Evaluation.from_predictions(random.integers(0, 27, 17_000), rows)
    # Work of this process: others on the machine do not count.
    start = time.process_time()
    found.interval(metric, resamples=2000)
    assert time.process_time() - start < 5


def test_kappa_is_undefined_where_one_class_is_all_there_is() -> None:
    found = Evaluation.from_predictions([0, 0], [[0.9, 0.1], [0.8, 0.2]])
    assert np.isnan(found.cohen_kappa)
    assert np.isnan(found.interval("cohen_kappa")).all()
    assert json.loads(found.to_json())["cohen_kappa"] is None
    assert "nan" in found.summary()


@pytest.mark.parametrize("bins", [0, -1])
def test_a_calibration_error_needs_bins(good: Evaluation, bins: int) -> None:
    with pytest.raises(EvaluationError, match=f"bins={bins}: expected 1 or more"):
        good.expected_calibration_error(bins)


def test_the_calibration_error_is_that_of_an_example_by_hand() -> None:
    rows = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.45, 0.55]]
    found = Evaluation.from_predictions([0, 1, 0, 1], rows)
    # Two bins: all four images are in (0.5, 1]; three of four are right, sure of 0.7375.
    assert found.expected_calibration_error(2) == pytest.approx(0.75 - 0.7375)
    # Ten: |1 - 1.8| / 4 in (0.8, 0.9], |2 - 1.15| / 4 in (0.5, 0.6].
    assert found.expected_calibration_error(10) == pytest.approx(0.2 + 0.2125)


def test_a_confusion_matrix_is_normalized_by_rows_columns_or_all(good: Evaluation) -> None:
    with pytest.raises(EvaluationError, match="normalize='rows': expected 'true'"):
        good.normalized_confusion("rows")


def test_baseline_answers_the_most_frequent_class() -> None:
    found = Evaluation.from_predictions([0, 1, 1], np.eye(2)[[0, 1, 0]], ["a", "b"])
    assert found.baseline().accuracy == pytest.approx(2 / 3)
    assert found.baseline([0, 0, 1]).accuracy == pytest.approx(1 / 3)
    with pytest.raises(EvaluationError, match="is 5"):
        found.baseline([5])


def test_most_confused_lists_the_mistakes_by_number() -> None:
    truth, guess = [0, 0, 0, 1, 1, 2], [1, 1, 0, 0, 1, 2]
    found = Evaluation.from_predictions(truth, np.eye(3)[guess], ["a", "b", "c"])
    first, second = found.most_confused()
    assert (first.truth, first.prediction, first.count) == ("a", "b", 2)
    assert first.share == pytest.approx(2 / 3)
    assert (second.truth, second.prediction, second.count) == ("b", "a", 1)
    assert found.most_confused(1) == (first,)
    assert found.most_confused(0) == ()


def test_summary_shows_scores_intervals_and_the_baseline(good: Evaluation) -> None:
    text = str(good)
    assert "600 images, 5 classes" in text
    assert f"weighted F1        {good.weighted_f1:.4f}  [" in text
    assert "most frequent class" in text
    assert "weakest classes: class" in text
    assert repr(good).startswith("Evaluation(600 images, 5 classes, weighted_f1=")


def test_per_class_prints_as_a_table(good: Evaluation) -> None:
    head, *rows = str(good.per_class).splitlines()
    assert head.split() == ["class", "precision", "recall", "f1", "images"]
    assert [row.split()[:2] for row in rows] == [["class", str(n)] for n in range(5)]
    assert len({len(line) for line in (head, *rows)}) == 1


def test_an_evaluation_goes_into_json(good: Evaluation) -> None:
    document = json.loads(good.to_json())
    assert document["weighted_f1"] == good.weighted_f1
    assert document["confusion"] == good.confusion.tolist()
    assert document["per_class"][0]["name"] == "class 0"


class FakeDataset:
    """What evaluate needs of an ImageDataset."""

    labels = np.array([0, 1, 1, 0, 1])
    class_names = ("dark", "light")
    names = ("a", "b", "c", "d", "e")

    def __len__(self) -> int:
        return 5

    def load(self, indices: Any, size: int | tuple[int, int]) -> NDArray[np.uint8]:
        assert isinstance(size, tuple)
        values = np.array([0, 255, 255, 255, 255], np.uint8)[indices]
        return np.tile(values[:, None, None, None], (1, *size, 3))


class FakeModel:
    """Says "light" with the brightness as probability, and counts what it is asked."""

    def __init__(self, input_shape: Any = (None, 4, 6, 3), columns: int = 2) -> None:
        self.input_shape, self.columns, self.batches = input_shape, columns, []  # type: ignore[var-annotated]

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        self.batches.append(images.shape)
        light = images.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - light, light, light], axis=1)[:, : self.columns]


def test_evaluate_runs_the_model_once_over_the_dataset_at_its_own_size() -> None:
    model = FakeModel()
    found = evaluate(model, FakeDataset(), batch_size=2)
    assert model.batches == [(2, 4, 6, 3), (2, 4, 6, 3), (1, 4, 6, 3)]
    assert found.accuracy == 0.8
    assert found.class_names == ("dark", "light")
    assert found.image_names == FakeDataset.names


def test_evaluate_takes_a_result_that_has_a_model() -> None:
    assert evaluate(SimpleNamespace(model=FakeModel()), FakeDataset()).accuracy == 0.8


def test_evaluate_takes_a_keras_model() -> None:
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((4, 4, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, "softmax"),
        ]
    )
    model.layers[-1].set_weights([np.array([[-3, 3]] * 3), np.array([3.0, -3.0])])
    assert evaluate(model, FakeDataset(), batch_size=4).accuracy == 0.8


def test_evaluate_needs_a_size() -> None:
    model = FakeModel(input_shape=(None, None, None, 3))
    with pytest.raises(EvaluationError, match=r"input_shape .* image_size="):
        evaluate(model, FakeDataset())
    assert evaluate(model, FakeDataset(), image_size=(3, 3)).accuracy == 0.8


class Empty(FakeDataset):
    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("model", "dataset", "said"),
    [
        ("model", FakeDataset(), "str is no model"),
        (FakeModel(columns=3), FakeDataset(), r"output of shape \(5, 3\)"),
        (FakeModel(), Empty(), "holds no image"),
    ],
)
def test_evaluate_refuses_what_cannot_be_evaluated(model: Any, dataset: Any, said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        evaluate(model, dataset)


def test_evaluate_refuses_a_batch_size_of_zero() -> None:
    with pytest.raises(EvaluationError, match="batch_size=0"):
        evaluate(FakeModel(), FakeDataset(), batch_size=0)


def test_importing_the_evaluation_loads_no_framework() -> None:
    import subprocess
    import sys

    code = (
        "import sys, tlkit.evaluation.comparing.compare, tlkit.evaluation.plots; "
        "sys.exit(bool({'keras', 'tensorflow', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
