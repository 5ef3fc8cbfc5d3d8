"""ROC AUC and average precision are scikit-learn's, and undefined classes are left out."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn import metrics as sk

from tlkit import Evaluation
from tlkit.errors import EvaluationError

unhurried = settings(deadline=None, max_examples=60)


@st.composite
def evaluations(draw: st.DrawFn) -> Evaluation:
    """Predictions with many ties, absent classes and sometimes one class only."""
    classes, images = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = random.integers(0, draw(st.integers(1, classes)), images)
    weights = random.integers(1, draw(st.sampled_from([2, 4, 1000])) + 1, (images, classes)) * 1.0
    return Evaluation.from_predictions(labels, weights / weights.sum(axis=1, keepdims=True))


@unhurried
@given(found=evaluations())
def test_each_class_equals_scikit_learns(found: Evaluation) -> None:
    auc, precision = found.roc_auc(average=None), found.average_precision(average=None)
    for label in range(len(found.class_names)):
        positive, scores = found.y_true == label, found.probabilities[:, label]
        if positive.any() and not positive.all():
            assert auc[label] == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-12)
        else:
            assert np.isnan(auc[label])
        if positive.any():
            theirs = sk.average_precision_score(positive, scores)
            assert precision[label] == pytest.approx(theirs, abs=1e-12)
        else:
            assert np.isnan(precision[label])


@pytest.mark.parametrize("average", ["macro", "weighted"])
@unhurried
@given(found=evaluations())
def test_means_equal_scikit_learns_where_all_classes_occur(average: Any, found: Evaluation) -> None:
    present = np.unique(found.y_true)
    if len(present) < 2:
        return
    values = found.roc_auc(average=None)[present]
    weights = np.bincount(found.y_true)[present] if average == "weighted" else None
    assert found.roc_auc(average) == pytest.approx(np.average(values, weights=weights), abs=1e-12)
    if len(present) == len(found.class_names) > 2:
        arguments = (found.y_true, found.probabilities)
        theirs = sk.roc_auc_score(*arguments, multi_class="ovr", average=average)
        assert found.roc_auc(average) == pytest.approx(theirs, abs=1e-12)
        theirs = sk.average_precision_score(*arguments, average=average)
        assert found.average_precision(average) == pytest.approx(theirs, abs=1e-12)


def test_one_class_has_no_roc_curve() -> None:
    found = Evaluation.from_predictions([0, 0], [[0.9, 0.1], [0.8, 0.2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(found.roc_auc())
        assert np.isnan(found.roc_auc("weighted"))
        assert found.average_precision() == 1.0


def test_an_unknown_average_is_refused(good: Evaluation) -> None:
    with pytest.raises(EvaluationError, match="average='micro': expected 'macro', 'weighted'"):
        good.roc_auc("micro")  # type: ignore[call-overload]
