"""Figures do not depend on the order in which a model or a data set has its classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from tlkit import Evaluation, ImageDataset, compare, evaluate

NAMES = ("1", "10", "2", "café", "sea lion")
CHANCES = np.random.default_rng(0).dirichlet(np.ones(len(NAMES)), 12)  # by image, in this order


@dataclass(frozen=True)
class Result:
    """What a training gave: the probabilities of an image follow from its pixels."""

    class_names: tuple[str, ...]

    @property
    def model(self) -> Result:
        """The model, which is asked by its columns."""
        return self

    @property
    def input_shape(self) -> tuple[None, int, int, int]:
        """Of a batch."""
        return (None, 4, 4, 3)

    def predict_on_batch(self, batch: NDArray[np.uint8], /) -> NDArray[np.float64]:
        """Return the probabilities of each image."""
        columns = [NAMES.index(name) for name in self.class_names]
        return CHANCES[batch[:, 0, 0, 0]][:, columns]


def images(numbers: list[int], order: tuple[str, ...]) -> ImageDataset:
    """Images 0 .. 11 with a class each, a number among NAMES, in a data set of this order."""
    pixels = np.broadcast_to(np.arange(12, dtype=np.uint8)[:, None, None, None], (12, 4, 4, 3))
    return ImageDataset.from_arrays(pixels.copy(), [NAMES[n] for n in numbers], order)


ORDERS = st.permutations(NAMES).map(tuple)
LABELS = st.lists(st.integers(0, 2), min_size=12, max_size=12)


@settings(max_examples=25)
@given(ORDERS, ORDERS, LABELS)
def test_every_score_is_that_of_classes_in_one_order(
    model: tuple[str, ...], order: tuple[str, ...], numbers: list[int]
) -> None:
    straight = Evaluation.from_predictions(numbers, CHANCES, NAMES)
    found = evaluate(Result(model), images(numbers, order))
    assert found.class_names == order
    for score in ("accuracy", "weighted_f1", "macro_f1", "log_loss", "top_2"):
        assert np.isclose(found.score(score), straight.score(score), equal_nan=True)
    pair = compare({"straight": straight, "found": found}, "log_loss", resamples=200).pairs[0]
    assert pair.difference < 1e-9


@settings(max_examples=25)
@given(ORDERS, ORDERS, LABELS)
def test_a_data_set_of_some_of_the_classes_gives_each_image_the_same_probabilities(
    model: tuple[str, ...], order: tuple[str, ...], numbers: list[int]
) -> None:
    few = tuple(name for name in order if name in NAMES[:3])
    found = evaluate(Result(model), images(numbers, few))
    assert found.class_names[:3] == few
    columns = [NAMES.index(name) for name in found.class_names]
    assert np.array_equal(found.probabilities, CHANCES[:, columns])
    assert [found.class_names[n] for n in found.y_true] == [NAMES[n] for n in numbers]
