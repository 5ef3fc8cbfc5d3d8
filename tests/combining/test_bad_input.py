"""Models that cannot be combined are named with the reason, before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.combining.conftest import NAMES, Family, fresh, known
from tlkit.errors import CombiningError, EvaluationError, PredictionError, TlkitError

untyped: Any = tlkit


def broken() -> Any:
    model = keras.models.clone_model(fresh())
    model.layers[-1].set_weights([w * np.nan for w in model.layers[-1].get_weights()])
    return model


def other_network() -> Any:
    model = fresh()
    return keras.Model(model.input, keras.layers.Softmax()(model.layers[-2].output[:, :3] * 2.0))


BOTH = (tlkit.soup, tlkit.ensemble)
CASES: dict[str, tuple[tuple[Any, ...], Callable[[Any], Any], str]] = {
    "one": (BOTH, lambda one: [one], r"received 1 model; expected two or more"),
    "none": (BOTH, lambda one: [one][:0], "received 0 models"),
    "no list": (BOTH, lambda one: one, r"received a Predictor; expected several models in a list"),
    "the same twice": (BOTH, lambda one: [one, one], "'model 1' and 'model 2' are the same model"),
    "the name": (
        BOTH,
        lambda one: {"soup": one, "ensemble": known(fresh(seed=1))},
        "A model is called '(soup|ensemble)', as what is made of them",
    ),
    "NaN": (
        BOTH,
        lambda one: {"a": one, "b": known(broken())},
        "'b' has weights that are not finite, in '.*kernel'",
    ),
    "other classes": (
        BOTH,
        lambda one: [one, known(fresh(seed=1), ("class_0", "class_1", "Class 2"))],
        "different classes.*'class_2' is written 'Class 2' there",
    ),
    "no classes": (
        BOTH,
        lambda one: [one, fresh(seed=1)],
        "does not know the names of its classes",
    ),
    "another task": (
        BOTH,
        lambda one: [
            one,
            tlkit.Predictor(fresh(activation="sigmoid"), class_names=NAMES, thresholds=0.5),
        ],
        "task='multiclass' and 'model 2' task='multilabel'",
    ),
    "another order": (
        BOTH[:1],
        lambda one: [one, known(fresh(seed=1), NAMES[::-1])],
        "the same classes in another order.*tlkit.ensemble",
    ),
    "another size": (
        BOTH[:1],
        lambda one: [one, known(fresh(size=8))],
        "pictures of 16 x 16 and 8 x 8 pixels.*tlkit.ensemble",
    ),
    "another network": (
        BOTH[:1],
        lambda one: {"a": one, "b": known(other_network())},
        "'a' and 'b' are of different architectures: step .* is Dense, and .*tlkit.ensemble",
    ),
    "another shape": (
        BOTH[1:],
        lambda one: {"a": one, "b": known(fresh(size=(16, 8)))},
        "'a' takes pictures of 16 x 16 pixels and 'b' of 16 x 8, another shape",
    ),
}


@pytest.fixture(scope="module")
def one() -> tlkit.Predictor:
    """A model that nothing is wrong with."""
    return known(fresh())


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_combined_is_told(case: str, one: tlkit.Predictor) -> None:
    functions, make, message = CASES[case]
    for function in functions:
        settings = {"greedy": False} if function is tlkit.soup else {}
        with pytest.raises((CombiningError, PredictionError), match=message):
            function(make(one), **settings)


def test_images_that_cannot_judge_are_told(one: tlkit.Predictor, family: Family) -> None:
    models, images = [one, known(fresh(seed=1))], family.validation
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "a greedy soup needs validation images"),
        ({"validation": "pictures"}, "validation='pictures' is a path, expected an ImageDataset"),
        ({"greedy": False, "test": images}, "test= was given without validation="),
        ({"validation": images, "test": images}, "are the same images"),
        ({"validation": images, "metric": "f1"}, "metric='f1' is not known"),
    ]
    for settings, message in cases:
        with pytest.raises(TlkitError, match=message):
            untyped.soup(models, verbose=0, **settings)
    strange = images.rename_classes({"class_0": "unheard of"})
    with pytest.raises(EvaluationError, match="Unknown to the model: 'unheard of'"):
        tlkit.ensemble(models, strange, verbose=0)
