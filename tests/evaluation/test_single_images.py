"""The images that people should look at are those with the highest loss or the least certainty."""

from __future__ import annotations

import numpy as np
import pytest

from tlkit import Evaluation
from tlkit.errors import EvaluationError

ROWS = [[0.9, 0.05, 0.05], [0.1, 0.6, 0.3], [0.34, 0.36, 0.3], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]]
TRUTH = [0, 0, 2, 0, 1]


@pytest.fixture
def few() -> Evaluation:
    return Evaluation.from_predictions(
        TRUTH, ROWS, ["cat", "dog", "owl"], image_names=list("abcde")
    )


def test_the_top_losses_are_the_images_with_the_highest_loss(few: Evaluation) -> None:
    rows = few.top_losses(3)
    assert [row.index for row in rows] == [3, 1, 2]
    assert [row.name for row in rows] == ["d", "b", "c"]
    assert (rows[0].truth, rows[0].prediction, rows[0].right) == ("cat", "owl", False)
    assert (rows[0].probability, rows[0].true_probability) == (1.0, 0.0)
    assert rows[0].loss == pytest.approx(-np.log(np.finfo(np.float64).eps))
    assert rows[1].loss == pytest.approx(-np.log(0.1))
    losses = [row.loss for row in few.top_losses(99)]
    assert losses == sorted(losses, reverse=True)
    assert np.mean(losses) == pytest.approx(few.log_loss)


def test_the_most_uncertain_images_have_the_smallest_margin(few: Evaluation) -> None:
    rows = few.most_uncertain(2)
    assert [row.index for row in rows] == [4, 2]
    assert [row.margin for row in rows] == pytest.approx([0, 0.02])


def test_or_the_largest_entropy(few: Evaluation) -> None:
    rows = few.most_uncertain(5, by="entropy")
    assert [row.index for row in rows] == [2, 1, 4, 0, 3]
    assert rows[-1].entropy == 0
    assert rows[2].entropy == pytest.approx(np.log(2))


def test_images_without_names_are_called_by_number(good: Evaluation) -> None:
    (row,) = good.top_losses(1)
    assert row.name == f"image {row.index}"
    assert good.top_losses(0) == good.most_uncertain(-1) == ()


def test_uncertainty_is_measured_in_one_of_two_ways(good: Evaluation) -> None:
    with pytest.raises(EvaluationError, match="by='loss': expected 'margin' or 'entropy'"):
        good.most_uncertain(by="loss")
