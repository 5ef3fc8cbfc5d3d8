"""Evaluations of images with any number of labels: scikit-learn's figures, thresholds, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

import tlkit
from tlkit import Evaluation, MultiLabelDataset, MultiLabelEvaluation, compare
from tlkit.errors import EvaluationError
from tlkit.evaluation.metrics._label_intervals import of_label_counts
from tlkit.evaluation.metrics.label_scores import METRICS, label_counts
from tlkit.evaluation.metrics.scores import f1


def drawn(
    seed: int, images: int = 60, labels: int = 4, skill: float = 1.0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    share = random.uniform(0, 0.6, labels)
    truth = (random.random((images, labels)) < share).astype(np.int64)
    logits = skill * (2 * truth - 1) + random.normal(0, 1, truth.shape)
    return truth, (1 / (1 + np.exp(-logits))).round(2)


def made(seed: int = 0, **how: Any) -> MultiLabelEvaluation:
    return MultiLabelEvaluation.from_predictions(*drawn(seed, **how))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    images=st.integers(1, 40),
    labels=st.integers(2, 6),
    threshold=st.floats(0, 1),
)
def test_scores_are_those_of_scikit_learn(
    seed: int, images: int, labels: int, threshold: float
) -> None:
    truth, rows = drawn(seed, images, labels)
    found = MultiLabelEvaluation.from_predictions(truth, rows, thresholds=threshold)
    given_labels = (rows >= threshold).astype(int)
    for average in ("micro", "macro", "weighted", "samples"):
        expected = sk.f1_score(truth, given_labels, average=average, zero_division=0)
        assert found.score(f"{average}_f1") == pytest.approx(expected, abs=1e-12)
    assert found.subset_accuracy == pytest.approx(sk.accuracy_score(truth, given_labels))
    assert found.hamming_loss == pytest.approx(sk.hamming_loss(truth, given_labels))
    assert (found.confusion == sk.multilabel_confusion_matrix(truth, given_labels)).all()
    per_label = sk.precision_recall_fscore_support(truth, given_labels, zero_division=0)
    rows_of = [(x.precision, x.recall, x.f1, x.support) for x in found.per_class]
    assert pytest.approx(np.array(per_label), abs=1e-12) == np.array(rows_of).T
    for column, row in enumerate(found.per_class):
        positive = truth[:, column]
        if 0 < positive.sum() < images:
            area = sk.roc_auc_score(positive, rows[:, column])
            assert row.roc_auc == pytest.approx(area, abs=1e-12)
        if positive.any():
            area = sk.average_precision_score(positive, rows[:, column])
            assert row.average_precision == pytest.approx(area, abs=1e-12)
    losses = [sk.log_loss(truth.ravel(), np.clip(rows, 1e-15, 1 - 1e-15).ravel(), labels=[0, 1])]
    assert found.log_loss == pytest.approx(losses[0], rel=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), images=st.integers(2, 30))
def test_with_one_label_each_f1_and_areas_are_those_of_an_ordinary_evaluation(
    seed: int, images: int
) -> None:
    random = np.random.default_rng(seed)
    classes = random.integers(0, 3, images)
    rows = random.dirichlet(np.ones(3), images)
    answers = np.eye(3)[rows.argmax(axis=1)]
    ordinary = Evaluation.from_predictions(classes, rows)
    labels = MultiLabelEvaluation.from_predictions(np.eye(3)[classes], answers)
    # One answer for each image: the share of right labels is the accuracy.
    assert labels.micro_f1 == pytest.approx(ordinary.accuracy)
    assert labels.subset_accuracy == pytest.approx(ordinary.accuracy)
    assert labels.weighted_f1 == pytest.approx(ordinary.weighted_f1)
    soft = MultiLabelEvaluation.from_predictions(np.eye(3)[classes], rows)
    for average in ("macro", "weighted"):
        for score in ("roc_auc", "average_precision"):
            expected = getattr(ordinary, score)(average)
            assert getattr(soft, score)(average) == pytest.approx(expected, nan_ok=True)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), images=st.integers(1, 25))
def test_no_threshold_has_a_higher_f1_than_the_best(seed: int, images: int) -> None:
    found = MultiLabelEvaluation.from_predictions(*drawn(seed, images, 3))
    best = f1_of(found.with_thresholds(found.best_thresholds()))
    for threshold in (*np.linspace(0, 1, 51), *np.unique(found.probabilities)):
        assert (best >= f1_of(found.with_thresholds(float(threshold))) - 1e-12).all()


def f1_of(found: MultiLabelEvaluation) -> NDArray[np.float64]:
    return f1(label_counts(found.y_true, found.predictions))


@pytest.mark.parametrize("metric", METRICS)
def test_every_score_has_an_interval_that_holds_it(metric: str) -> None:
    right = np.eye(4)[[0, 1, 2] * 4]
    for found in (made(), MultiLabelEvaluation.from_predictions(right, right)):
        low, high = found.interval(metric, resamples=200)
        assert low <= found.score(metric) <= high
        assert (low, high) == found.interval(metric, resamples=200)
        assert high > low  # twelve right ones of twelve are no certainty


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["weighted_f1", "macro_f1", "micro_f1"])
@pytest.mark.parametrize(
    ("images", "labels", "shares", "found", "noise"),
    [
        (30, 10, (0.05, 0.4), 0.8, 0.05),
        (100, 10, (0.02, 0.3), 0.9, 0.02),
        (300, 20, (0.01, 0.3), 0.7, 0.03),
        (100, 5, (0.1, 0.5), 0.99, 0.005),
    ],
)
def test_intervals_of_f1_hold_the_true_score_as_often_as_they_say(
    metric: str,
    images: int,
    labels: int,
    shares: tuple[float, float],
    found: float,
    noise: float,
) -> None:
    random, score = np.random.default_rng(0), METRICS[metric].of_counts
    assert score is not None

    def world(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        common = random.random((count, 1)) < 0.3  # labels that come together
        truth = (random.random((count, labels)) < np.linspace(*shares, labels)) | (
            common & (random.random((count, labels)) < 0.1)
        )
        given_labels = random.random(truth.shape) < np.where(truth, found, noise)
        return truth.astype(np.int64), given_labels.astype(np.int64)

    true = float(score(label_counts(*world(200_000))))
    ends = [of_label_counts(score, *world(images), 0.95, 300, seed) for seed in range(300)]
    assert np.mean([low <= true <= high for low, high in ends]) >= 0.91  # 0.93, and chance of 300


def test_two_models_are_compared_and_equal_ones_are_not_told_apart() -> None:
    truth, rows = drawn(1, 400, 5, skill=1.5)
    _, weak = drawn(1, 400, 5, skill=0.2)
    good = MultiLabelEvaluation.from_predictions(truth, rows, list("abcde"))
    poor = MultiLabelEvaluation.from_predictions(truth, weak, list("abcde"))
    for metric in METRICS:
        comparison = compare({"poor": poor, "good": good}, metric, resamples=400)
        assert comparison.ranking == ("good", "poor")
        assert comparison.pairs[0].claimed, metric
    columns = [4, 3, 2, 1, 0]
    turned = MultiLabelEvaluation.from_predictions(
        truth[:, columns], rows[:, columns], list("edcba"), thresholds=[0.5] * 5
    )
    same = compare({"one": good, "other": turned}, resamples=400)
    assert same.pairs[0].difference == pytest.approx(0)
    assert same.pairs[0].p_value == 1


@pytest.mark.slow
def test_of_equal_models_few_are_told_apart() -> None:
    claimed = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        truth = (random.random((80, 4)) < 0.3).astype(np.int64)
        rows = [np.clip(truth * 0.4 + random.random(truth.shape) * 0.6, 0, 1) for _ in range(2)]
        two = [MultiLabelEvaluation.from_predictions(truth, each) for each in rows]
        claimed += compare(two, "macro_f1", resamples=300, seed=seed).pairs[0].claimed
    assert claimed <= 10


def test_models_of_other_images_or_kinds_are_not_compared() -> None:
    truth, rows = drawn(0)
    one = MultiLabelEvaluation.from_predictions(truth, rows)
    with pytest.raises(EvaluationError, match="y_true"):
        compare([one, MultiLabelEvaluation.from_predictions(1 - truth, rows)])
    ordinary = Evaluation.from_predictions([0] * 60, np.full((60, 4), 0.25))
    with pytest.raises(EvaluationError, match="kinds of labels"):
        compare([one, ordinary])
    with pytest.raises(EvaluationError, match="expected one of weighted_f1, macro_f1, micro_f1"):
        compare([one, one], "accuracy")


def test_it_is_saved_with_its_thresholds_and_read_again(tmp_path: Path) -> None:
    truth, rows = drawn(3, labels=2)
    found = MultiLabelEvaluation.from_predictions(
        truth, rows, ["cat", "dog"], thresholds={"dog": 0.3, "cat": 0.6}
    )
    found.save(tmp_path / "labels.npz")
    read = MultiLabelEvaluation.load(tmp_path / "labels.npz")
    assert read.thresholds == (0.6, 0.3)
    assert read.to_json() == found.to_json()
    with pytest.raises(EvaluationError, match="tlkit multi-label evaluation"):
        Evaluation.load(tmp_path / "labels.npz")


def test_it_prints_and_converts_to_json() -> None:
    found = made(labels=3)
    assert repr(found).startswith("MultiLabelEvaluation(60 images, 3 labels, weighted_f1=0.")
    lines = str(found).splitlines()
    assert lines[0] == "60 images, 3 labels, any number for each image"
    assert "one answer for all" in lines[1]
    assert str(found.per_class).splitlines()[0].split()[:3] == ["label", "threshold", "precision"]
    told = json.loads(found.to_json())
    assert told["task"] == "multilabel"
    assert [row["name"] for row in told["per_class"]] == ["0", "1", "2"]


def test_images_are_shown_by_their_loss_and_by_doubt() -> None:
    found = MultiLabelEvaluation.from_predictions(
        [[1, 0], [0, 1], [1, 1]], [[0.9, 0.1], [0.8, 0.05], [0.45, 0.9]], ["cat", "dog"]
    )
    worst, second, _ = found.top_losses(3)
    assert (worst.index, worst.truth, worst.prediction) == (1, ("dog",), ("cat",))
    assert (worst.missed, worst.added, worst.right) == (("dog",), ("cat",), False)
    assert worst.probabilities == {"cat": 0.8, "dog": 0.05}
    assert str(second).startswith("image 2: cat, dog (missed cat), loss")
    assert found.most_uncertain(1)[0].index == 2


@pytest.mark.parametrize(
    ("truth", "rows", "how", "told"),
    [
        ([[1, 0]], [[1.2, 0.1]], {}, r"probabilities\[0, 0\] is 1.2.*sigmoid"),
        ([[1, 0]], [[float("nan"), 0.1]], {}, "is nan"),
        ([[1, 2]], [[0.2, 0.1]], {}, "1 where an image has a label"),
        ([1], [[0.2, 0.1]], {}, r"expected \(1, 2\)"),
        ([[1, 0]], [[0.2, 0.1]], {"thresholds": [0.5]}, "one for each of the 2 labels"),
        ([[1, 0]], [[0.2, 0.1]], {"thresholds": 1.5}, r"a number in 0\.\.1"),
        ([[1, 0]], [[0.2, 0.1]], {"thresholds": {"0": 0.2}}, "thresholds are of '0'"),
    ],
)
def test_what_does_not_fit_is_refused(truth: Any, rows: Any, how: Any, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        MultiLabelEvaluation.from_predictions(truth, rows, **how)


def test_a_model_is_evaluated_on_labels_by_name() -> None:
    import keras

    from tlkit._task import Task

    images: Any = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
    lists = [["a"], ["b"], ["a", "b"], [], ["c"], ["c", "a"]]
    data: Any = MultiLabelDataset.from_arrays(images, lists)
    model: Any = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Dense(3, "sigmoid"),
        ]
    )
    found: Any = tlkit.evaluate(model, data)
    assert found.probabilities == pytest.approx(
        np.asarray(model.predict_on_batch(images)), abs=1e-6
    )
    assert found.y_true.tolist() == data.labels.tolist()

    class Known:
        task, class_names, thresholds = Task.MULTILABEL, ("c", "a", "b"), (0.1, 0.2, 0.3)

        def __init__(self) -> None:
            self.model = model

    known: Any = Known()
    named: Any = tlkit.evaluate(known, data)
    assert named.thresholds == (0.2, 0.3, 0.1)
    assert named.probabilities == pytest.approx(found.probabilities[:, [1, 2, 0]], abs=1e-6)
    single = tlkit.ImageDataset.from_arrays(images, list("abcabc"))
    with pytest.raises(EvaluationError, match="any number of labels of each image, and the"):
        tlkit.evaluate(known, single)
    with pytest.raises(EvaluationError, match="calibrate fits one temperature to a softmax"):
        tlkit.calibrate(model, data)
    with pytest.raises(EvaluationError, match="calibrate fits one temperature to a softmax"):
        tlkit.calibrate(None, named)


def test_a_model_of_single_classes_is_not_scored_on_labels() -> None:
    import keras

    from tlkit._task import Task

    class Known:
        task, class_names = Task.MULTICLASS, ("a", "b", "c")
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])

    several = tlkit.MultiLabelDataset.from_arrays(np.zeros((2, 8, 8, 3), "u1"), [["a"], ["b", "c"]])
    known: Any = Known()
    with pytest.raises(EvaluationError, match="tells a single class of each image"):
        tlkit.evaluate(known, several)
