"""The scores that the bootstrap takes of many resamples are those that scikit-learn gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlkit.evaluation import scores
from tlkit.evaluation.metrics import Evaluation

labels = st.lists(st.integers(0, 4), min_size=40, max_size=40)


@pytest.mark.parametrize("metric", list(scores.SCORES))
@given(truth=labels, predictions=labels)
def test_a_score_of_the_confusion_matrix_equals_scikit_learns(
    metric: str, truth: list[int], predictions: list[int]
) -> None:
    evaluation = Evaluation.from_predictions(truth, np.eye(5)[predictions])
    counts = scores.Counts.of(evaluation.confusion)
    ours = float(scores.SCORES[metric](counts))
    assert ours == pytest.approx(getattr(evaluation, metric), abs=1e-12)
