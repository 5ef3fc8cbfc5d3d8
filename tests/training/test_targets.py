"""Class weights and label smoothing mean what they mean in plain Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

import tlkit
from tests.training.conftest import (
    head_stage,
    largest_difference,
    same_weights,
    small_network,
    trainer,
)
from tests.training.plain import fit_plainly, plain_model
from tlkit.errors import TrainingError
from tlkit.training.feeding.class_weights import class_weights
from tlkit.training.feeding.targets import Targets

TOP = ("three_conv", "three_relu")
WEIGHTS = {0: 0.5, 1: 1.0, 2: 4.0}


def stage(**settings: Any) -> tlkit.Stage:
    """A stage that trains the last convolution and the head."""
    policy = tlkit.UnfreezeTop(from_layer="three_conv")
    return head_stage(policy=policy, keep_best=None, **settings)


def run(
    one: tlkit.Stage, data: tlkit.ImageDataset, validation: tlkit.ImageDataset | None = None
) -> Any:
    """The result of a stage on the small network."""
    return trainer(one, backbone=small_network).fit(data, validation, verbose=0)


@pytest.fixture(scope="module")
def uneven(data: tlkit.ImageDataset) -> tlkit.ImageDataset:
    """30 images: 16 of the first class, 10 of the second, 4 of the third."""
    rows = np.concatenate(
        [np.flatnonzero(data.labels == label)[:n] for label, n in enumerate((16, 10, 4))]
    )
    return tlkit.ImageDataset.from_arrays(data.load(rows, 16), data.labels[rows], data.class_names)


def test_class_weights_train_what_plain_fit_trains_with_them(parts: Any) -> None:
    weighted = stage(class_weight=WEIGHTS)
    result = run(weighted, *parts)
    assert result.stages[0].cut is not None, "nothing was cut off, so nothing is proved"
    plain = plain_model(TOP)
    plain.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    plain.optimizer.learning_rate = weighted.learning_rate
    history = fit_plainly(plain, weighted, *parts, class_weight=WEIGHTS)
    assert largest_difference(plain, result.model) <= 2e-5
    for name, values in history.items():
        assert result.history["head"][name] == pytest.approx(values, rel=1e-5), name
    assert largest_difference(run(stage(), *parts).model, result.model) > 1e-3


@pytest.mark.slow
def test_names_and_indices_say_the_same(parts: Any) -> None:
    by_name = dict(zip(parts[0].class_names, WEIGHTS.values(), strict=True))
    one, other = (run(stage(class_weight=w, epochs=1), parts[0]) for w in (by_name, WEIGHTS))
    assert same_weights(one.model, other.model)


def test_balanced_is_the_formula_of_scikit_learn(uneven: tlkit.ImageDataset) -> None:
    found = class_weights("balanced", uneven, "head")
    expected = compute_class_weight("balanced", classes=np.arange(3), y=uneven.labels)
    assert found is not None
    assert found.tolist() == pytest.approx(expected.tolist())
    assert found[uneven.labels].sum() == pytest.approx(len(uneven))


def test_balanced_needs_an_image_of_every_class(uneven: tlkit.ImageDataset) -> None:
    some = tlkit.ImageDataset.from_arrays(
        uneven.load(range(20), 16), uneven.labels[:20], uneven.class_names
    )
    with pytest.raises(TrainingError, match=r"no training image of \['.*'\]. Leave the class out"):
        run(stage(class_weight="balanced"), some)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("even", "expected None, 'balanced', or a weight for each class"),
        (["a"], "expected None, 'balanced', or a weight for each class"),
        ({}, "expected None, 'balanced', or a weight for each class"),
        ({0: 1.0, "b": 1.0}, "expected None, 'balanced', or a weight for each class"),
        ({True: 1.0}, "expected None, 'balanced', or a weight for each class"),
        ({0: 0.0}, "class_weight of 0 is 0.0, expected a finite number above 0"),
        ({"a": -1}, "class_weight of 'a' is -1, expected a finite number above 0"),
        ({"a": float("nan")}, "class_weight of 'a' is nan, expected a finite number above 0"),
        ({"a": float("inf")}, "class_weight of 'a' is inf, expected a finite number above 0"),
        ({"a": "1"}, "class_weight of 'a' is '1', expected a finite number above 0"),
    ],
)
def test_weights_that_make_no_sense_are_refused_at_once(given: Any, named: str) -> None:
    with pytest.raises(TrainingError, match=f"Stage 'head': .*{named}"):
        head_stage(class_weight=given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({0: 1.0, 1: 2.0}, r"Unknown: none; without weight: \[2\]"),
        ({0: 1.0, 1: 2.0, 2: 1.0, 3: 1.0}, r"Unknown: \[3\]; without weight: none"),
        ({"cat": 1.0}, r"Unknown: \['cat'\]; without weight: \["),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_named(
    given: Any, named: str, data: tlkit.ImageDataset
) -> None:
    with pytest.raises(TrainingError, match=rf"Stage 'head': .*{named}.* The classes are \{{0: "):
        run(stage(class_weight=given), data)


@pytest.mark.slow
def test_label_smoothing_trains_what_the_loss_of_keras_trains(parts: Any) -> None:
    smoothed = stage(label_smoothing=0.2)
    result = run(smoothed, *parts)
    plain = plain_model(TOP)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)
    plain.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    history = fit_plainly(plain, smoothed, *parts, one_hot=True)
    assert largest_difference(plain, result.model) <= 2e-5
    for name, values in history.items():
        assert result.history["head"][name] == pytest.approx(values, rel=1e-5), name
    assert result.history["head"]["val_loss"] != run(stage(), *parts).history["head"]["val_loss"]


@pytest.mark.parametrize("given", [-0.1, 1.0, float("nan"), None, "0.1", True])
def test_smoothing_that_makes_no_sense_is_refused_at_once(given: Any) -> None:
    with pytest.raises(TrainingError, match=r"Stage 'head': label_smoothing=.*from 0 to below 1"):
        head_stage(label_smoothing=given)


def test_without_smoothing_and_mixing_labels_stay_indices(data: tlkit.ImageDataset) -> None:
    targets = Targets.of(stage(class_weight=WEIGHTS), data)
    assert targets.loss == "sparse_categorical_crossentropy"
    labels, weights = targets(data.labels[:5])
    assert labels.tolist() == data.labels[:5].tolist()
    assert weights.tolist() == [WEIGHTS[label] for label in labels]


def test_mixed_labels_are_weighted_by_their_shares(data: tlkit.ImageDataset) -> None:
    targets = Targets.of(stage(class_weight=WEIGHTS, label_smoothing=0.1), data)
    shares = np.array([[0.5, 0, 0.5], [0, 1, 0]], "float32")
    labels, weights = targets(shares)
    assert labels is shares
    assert weights.tolist() == [2.25, 1.0]


def test_class_weights_of_the_last_stage_are_looked_at_before_the_first_begins() -> None:
    stages = [stage(), tlkit.Stage("last", epochs=1, learning_rate=0.1, class_weight={"bird": 2})]
    training = tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(), stages=stages, weights=None, cache=False
    )
    with pytest.raises(TrainingError, match=r"'last'.*bird"):
        training.fit(tlkit.testing.tiny_dataset(), verbose=0)
