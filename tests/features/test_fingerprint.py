"""A trunk's fingerprint: what it computes, not what it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from tlkit.backbones.split import split
from tlkit.features.fingerprint import trunk_fingerprint
from tlkit.testing import tiny_model


def network(
    names: str = "",
    *,
    width: int = 3,
    strides: int = 1,
    activation: str = "relu",
    rate: float = 0.2,
    seed: int = 0,
    change: Callable[[Any], Any] = lambda x: x,
    crossed: bool = False,
    dtype: str = "float32",
) -> Any:
    """A small network with two branches, its weights all 0.5."""
    image = keras.Input((8, 8, 3), name=f"image{names}")
    x = change(image)
    kernel = keras.initializers.RandomNormal(seed=seed)
    a = layers.Conv2D(
        width,
        3,
        strides,
        padding="same",
        activation=activation,
        dtype=dtype,
        kernel_initializer=kernel,
        name=f"a{names}",
    )(x)
    b = layers.Conv2D(width, 3, strides, padding="same", name=f"b{names}")(x)
    x = layers.Subtract(name=f"join{names}")([b, a] if crossed else [a, b])
    model = keras.Model(image, layers.Dropout(rate, seed=seed, name=f"drop{names}")(x))
    model.set_weights([np.full(w.shape, 0.5, "float32") for w in model.weights])
    return model


SAME = trunk_fingerprint(network())


@settings(max_examples=20)
@given(st.text("abcxyz", max_size=4), st.integers(0, 9), st.booleans())
def test_names_seeds_and_flags_do_not_matter(names: str, seed: int, trainable: bool) -> None:
    model = network(names, seed=seed)
    model.trainable = trainable
    assert trunk_fingerprint(model) == SAME


@pytest.mark.parametrize(
    "changed",
    [
        {"width": 4},
        {"strides": 2},
        {"activation": "gelu"},
        {"rate": 0.3},
        {"crossed": True},
        {"dtype": "mixed_bfloat16"},
        {"dtype": "bfloat16"},
        {"change": lambda x: layers.Rescaling(2.0)(x)},
        {"change": lambda x: ops.flip(x, axis=-1)},
        {"change": lambda x: x * 2.0},
    ],
)
def test_another_setting_or_graph_is_another_fingerprint(changed: dict[str, Any]) -> None:
    assert trunk_fingerprint(network(**changed)) != SAME


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (lambda x: x * 2.0, lambda x: x * 3.0),
        (lambda x: x - 1.0, lambda x: 1.0 - x),
        (lambda x: x + np.array([1.0, 2.0, 3.0]), lambda x: x + np.array([1.0, 2.0, 4.0])),
        (lambda x: ops.flip(x, axis=1), lambda x: ops.flip(x, axis=2)),
        (lambda x: x[:, ::-1], lambda x: x[:, :, ::-1]),
        (lambda x: layers.Rescaling(2.0)(x), lambda x: layers.Rescaling(2.0, 0.1)(x)),
        (
            lambda x: layers.BatchNormalization()(x, training=True),
            lambda x: layers.BatchNormalization()(x),
        ),
        (
            lambda x: layers.Normalization(mean=[1, 2, 3], variance=[1, 1, 1])(x),
            lambda x: layers.Normalization(mean=[1, 2, 4], variance=[1, 1, 1])(x),
        ),
    ],
)
def test_constants_in_the_graph_count(one: Any, two: Any) -> None:
    first = trunk_fingerprint(network(change=one))
    assert first == trunk_fingerprint(network(change=one))
    assert first != trunk_fingerprint(network(change=two))


@settings(max_examples=20)
@given(st.integers(0, 3), st.integers(0, 10**6), st.sampled_from([1e-7, -1.0, float("nan")]))
def test_one_number_in_one_weight_counts(index: int, place: int, by: float) -> None:
    model = network()
    weight = model.weights[index]
    value = np.array(np.asarray(weight))
    value.flat[place % value.size] += by
    weight.assign(value)
    assert trunk_fingerprint(model) != SAME


def test_statistics_of_batch_norm_count() -> None:
    model = tiny_model()
    before = trunk_fingerprint(model)
    model.get_layer("stem_bn").moving_mean.assign([0, 0, 0, 1e-6])
    assert trunk_fingerprint(model) != before


def test_architecture_built_twice_is_the_same() -> None:
    assert trunk_fingerprint(tiny_model()) == trunk_fingerprint(tiny_model())
    assert trunk_fingerprint(tiny_model(8)) != trunk_fingerprint(tiny_model(16))


def test_cutting_elsewhere_is_another_fingerprint_and_leaves_the_first() -> None:
    model = tiny_model()
    first = trunk_fingerprint(split(model, "down_relu")[0])
    second = trunk_fingerprint(split(model, "block_add")[0])
    assert first != second
    assert trunk_fingerprint(split(model, "down_relu")[0]) == first
    assert trunk_fingerprint(split(tiny_model(), "down_relu")[0]) == first
