"""The scores that the bootstrap takes of many resamples are those that scikit-learn gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics as sk

from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics import scores
from tlkit.evaluation.metrics.bootstrap import means, resampled_together

labels = st.lists(st.integers(0, 4), min_size=40, max_size=40)


def scikit_learns(metric: str, truth: Any, guess: Any) -> float:
    if metric == "balanced_accuracy":
        present = np.unique(truth)
        return float(sk.recall_score(truth, guess, labels=present, average="macro"))
    if metric == "cohen_kappa":
        return float(sk.cohen_kappa_score(truth, guess)) if {*truth} | {*guess} > {0} else np.nan
    if metric == "accuracy":
        return float(sk.accuracy_score(truth, guess))
    return float(sk.f1_score(truth, guess, average=metric.removesuffix("_f1"), zero_division=0.0))


@pytest.mark.parametrize("metric", list(scores.SCORES))
@given(truth=labels, predictions=labels)
def test_a_score_of_the_confusion_matrix_equals_scikit_learns(
    metric: str, truth: list[int], predictions: list[int]
) -> None:
    truth, predictions = [0, *truth[1:]], [1, *predictions[1:]]  # more than one class
    evaluation = Evaluation.from_predictions(truth, np.eye(5)[predictions])
    counts = scores.Counts.of(evaluation.confusion)
    theirs = scikit_learns(metric, truth, predictions)
    assert float(scores.SCORES[metric](counts)) == pytest.approx(theirs, abs=1e-12)
    assert evaluation.score(metric) == pytest.approx(theirs, abs=1e-12)


def test_resamples_of_a_mean_are_those_of_the_counts() -> None:
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 3, (2, 90))
    (counts,) = resampled_together(truth, [guess], 3, 200, seed=4)
    (shares,) = means(truth, [(truth == guess).astype(np.float64)], 200, seed=4)
    assert scores.accuracy(counts) == pytest.approx(shares, abs=1e-12)


def test_counts_of_a_resample_are_whole() -> None:
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 30, (2, 400))
    (counts,) = resampled_together(truth, [guess], 40, 100, seed=0)
    assert (counts.predicted.sum(axis=1) == 400).all()
    assert (counts.truth == np.bincount(truth, minlength=40)).all()
    assert (counts.hits <= np.minimum(counts.truth, counts.predicted)).all()
