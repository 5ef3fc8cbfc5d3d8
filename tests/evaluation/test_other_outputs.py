"""Models that end otherwise than in one column for each class."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import tlkit
from tlkit.errors import EvaluationError
from tlkit.testing import tiny_dataset, tiny_model


def ending(make: Any) -> Any:
    trunk = tiny_model()
    return keras.Model(trunk.input, make(layers.GlobalAveragePooling2D()(trunk.output)))


TWO = tiny_dataset(20, classes=2)
TWOS = keras.initializers.Constant(2.0)


def test_a_single_sigmoid_is_the_probability_of_the_second_class() -> None:
    model = ending(layers.Dense(1, "sigmoid"))
    second = model.predict(TWO.load(range(len(TWO)), 16), verbose=0)
    expected = tlkit.Evaluation.from_predictions(TWO.labels, np.hstack([1 - second, second]))
    found = tlkit.evaluate(model, TWO)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda x: [layers.Dense(2, "softmax")(x), layers.Dense(1)(x)],
            r"the model has 2 outputs, 0, 1; expected one.*keras.Model\(model.input, model.outputs",
        ),
        (
            lambda x: {"a": layers.Dense(2, "softmax")(x), "b": layers.Dense(1)(x)},
            "the model has 2 outputs, 'a', 'b'; expected one",
        ),
        (
            layers.Dense(1, kernel_initializer="zeros", bias_initializer=TWOS),
            r"expected the probability of the second.*sigm",
        ),
        (
            layers.Dense(2, kernel_initializer="zeros", bias_initializer=TWOS),
            r"If these are logits.*keras.layers.Softmax",
        ),
        (layers.Dense(5, "softmax"), r"expected \(20, 2\), one probability for each of the 2"),
    ],
    ids=["two outputs", "dictionary", "one logit", "logits", "more classes"],
)
def test_what_cannot_be_evaluated_is_told_with_the_way_out(make: Any, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        tlkit.evaluate(ending(make), TWO)


def test_a_dictionary_of_one_is_that_one() -> None:
    model = ending(lambda x: {"classes": layers.Dense(2, "softmax")(x)})
    assert len(tlkit.evaluate(model, TWO)) == len(TWO)


@pytest.mark.parametrize(("scale", "shift"), [(255.0, 0.0), (127.5, 1.0), (1.0, 0.0)])
def test_pictures_are_seen_whatever_range_the_model_takes(scale: float, shift: float) -> None:
    images = TWO.load(range(3), 16)
    given = images.astype("float32") / scale - shift
    found = tlkit.explain(ending(layers.Dense(2, "softmax")), given)
    assert np.array_equal(found.images, images)
    assert found.overlay(0).max() > 50
