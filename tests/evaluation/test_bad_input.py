"""Whatever odd thing goes in: the right value, or a message that says what to do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tlkit import Evaluation, compare
from tlkit.errors import EvaluationError


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[0.5, 0.6]], r"sums to 1\.1, with values from 0\.5 to 0\.6 .* apply softmax first"),
        ([[0.5, 0.5], [np.nan, 1]], "row 1 .* NaN or infinity .*training loss stayed finite"),
        ([[1.2, -0.2]], r"values from -0\.2 to 1\.2 .* expected values in \[0, 1\]"),
        ([[-3.0, 4.0]], "apply softmax first"),
        ([[1.0]], "pass the two columns 1 - p and p"),
        (np.zeros((0, 2)), "there is no image to evaluate"),
        (np.zeros((2, 0)), "0 class; expected two or more"),
        ([[1, 0], [1]], "probabilities are not numbers"),
        ([["one", "two"]], "probabilities are not numbers"),
        (None, "probabilities"),
    ],
)
def test_what_are_no_probabilities_are_refused(rows: Any, said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        Evaluation.from_predictions(np.zeros(0 if rows is None else len(rows), int), rows)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"image_names": ["a"]}, "1 image names and 2 images; expected one name per image"),
        ({"image_digests": np.zeros((2, 32))}, r"shape \(2, 32\) and type float64; expected uint8"),
        ({"image_digests": np.zeros((3, 32), np.uint8)}, r"expected uint8 of shape \(2, bytes\)"),
        ({"class_names": ["a", "b", "c"]}, "3 class names and 2 columns"),
        ({"class_names": ["a", "a"]}, "'a' occurs twice"),
    ],
)
def test_names_and_digests_must_fit(more: dict[str, Any], said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        Evaluation.from_predictions([0, 1], np.eye(2), **more)


def everything(found: Evaluation) -> dict[str, Any]:
    """All that can be asked of an evaluation, asked."""
    metrics = ("weighted_f1", "macro_f1", "accuracy", "balanced_accuracy", "cohen_kappa")
    asked = {name: found.score(name) for name in (*metrics, "log_loss", "brier_score", "top_1")}
    for name in asked:
        low, high = found.interval(name, resamples=100)
        assert np.isnan(asked[name]) or low <= high
    asked["auc"], asked["precision"] = found.roc_auc(), found.average_precision()
    asked["error"] = found.expected_calibration_error()
    found.top_losses(3), found.most_uncertain(3), found.most_uncertain(3, by="entropy")
    found.most_confused(3), found.per_class, found.normalized_confusion(), str(found)
    json.loads(found.to_json())
    return asked


def test_one_image_has_scores() -> None:
    asked = everything(Evaluation.from_predictions([1], [[0.25, 0.75]]))
    assert asked["accuracy"] == asked["top_1"] == asked["precision"] == 1.0
    assert asked["log_loss"] == pytest.approx(-np.log(0.75))
    assert asked["brier_score"] == pytest.approx(0.0625)
    assert asked["error"] == pytest.approx(0.25)
    assert np.isnan([asked["auc"], asked["cohen_kappa"]]).all()


def test_one_class_of_many_has_scores() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(5), 30)
    asked = everything(Evaluation.from_predictions(np.full(30, 2), rows))
    assert asked["balanced_accuracy"] == asked["accuracy"]
    assert asked["cohen_kappa"] == pytest.approx(0)
    assert np.isnan(asked["auc"])


def test_a_class_without_images_is_left_out_of_the_means() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(4), 60)
    found = Evaluation.from_predictions(np.arange(60) % 3, rows)
    assert np.isnan(found.roc_auc(average=None)).tolist() == [False, False, False, True]
    assert np.isfinite(list(everything(found).values())).all()


def test_class_names_are_kept_as_they_are() -> None:
    names = ["<script>alert(1)</script>", 'a "quoted" & b', "naïve\n三"]
    found = Evaluation.from_predictions([0, 1, 2], np.eye(3)[[1, 1, 0]], names)
    assert json.loads(found.to_json())["class_names"] == names
    assert [row.truth for row in found.top_losses(2)] == [names[0], names[2]]
    assert names[0] in str(found.per_class)


def sure_of(labels: Any, classes: int, seed: int) -> Any:
    """Single-precision probabilities, right about every second time."""
    random = np.random.default_rng(seed)
    rows = random.random((len(labels), classes), np.float32)
    rows[np.arange(len(labels)), labels] *= 4 + classes**0.5
    return rows / rows.sum(axis=1, keepdims=True)


def test_thousands_of_classes_have_scores() -> None:
    labels = np.random.default_rng(0).integers(0, 1200, 1500)
    found = Evaluation.from_predictions(labels, sure_of(labels, 1200, 0))
    assert np.isfinite(list(everything(found).values())).all()
    other = Evaluation.from_predictions(labels, sure_of(labels, 1200, 1))
    assert len(compare([found, other], "macro_f1", resamples=100).pairs) == 1


@pytest.mark.slow
def test_200_000_images_are_scored_and_compared_within_a_minute() -> None:
    import resource
    import time

    labels = np.random.default_rng(0).integers(0, 27, 200_000)
    start = time.process_time()
    found = [Evaluation.from_predictions(labels, sure_of(labels, 27, seed)) for seed in (0, 1)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    everything(found[0])
    for metric in ("weighted_f1", "log_loss"):
        found[0].interval(metric)
        compare(found, metric)
    assert time.process_time() - start < 60
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    assert grown < 2, f"{grown:.1f} GiB"
