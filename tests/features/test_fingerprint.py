"""A trunk's fingerprint: what it computes, not what it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras import layers, ops

from tests.conftest import QUICK_BACKEND
from tlkit._keras.graph import split
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


def test_network_that_is_one_layer_of_a_model_is_known_from_the_network_itself() -> None:
    image = keras.Input((16, 16, 3))
    nested = keras.Model(image, tiny_model()(image, training=False))
    flat = trunk_fingerprint(split(tiny_model(), "block_add")[0])
    assert trunk_fingerprint(split(nested, "block_add")[0]) == flat


OWN = """
import keras
import numpy as np

class Scaled(keras.layers.Layer):
    '''{doc}'''

    BY = {by}

    def call(self, x, plus={plus}):
        return x * self.BY {sign} plus
"""


def with_own_layer(
    doc: str = "", by: str = "2.0", plus: float = 1.0, sign: str = "+", lines: int = 0
) -> Any:
    space: dict[str, Any] = {"__name__": "own"}
    exec("\n" * lines + OWN.format(doc=doc, by=by, plus=plus, sign=sign), space)
    return network(change=space["Scaled"]())


def test_layer_of_ones_own_is_known_by_its_code_and_not_by_where_it_stands() -> None:
    assert trunk_fingerprint(with_own_layer()) == trunk_fingerprint(with_own_layer(lines=5))


@pytest.mark.parametrize("form", ["({}, 1.0, 1.0)", "[{}, 1.0, 1.0]", "np.array([{}, 1.0, 1.0])"])
def test_edited_values_of_a_class_are_another_fingerprint(form: str) -> None:
    one, two = (trunk_fingerprint(with_own_layer(by=form.format(x))) for x in ("2.0", "3.0"))
    assert one != two


@pytest.mark.parametrize(
    "changed", [{"by": "3.0"}, {"by": "[2.0, 2.0, 1.0]"}, {"plus": 2.0}, {"sign": "-"}]
)
def test_code_that_was_edited_is_another_fingerprint(changed: dict[str, Any]) -> None:
    assert trunk_fingerprint(with_own_layer(**changed)) != trunk_fingerprint(with_own_layer())


class Around(layers.Layer):  # type: ignore[misc]
    """A layer that is made of another."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def call(self, x: Any) -> Any:
        """Run the inner layer."""
        return self.inner(x)

    def get_config(self) -> dict[str, Any]:
        """Say nothing of the inner layer."""
        return {}


@pytest.mark.parametrize("wrap", [Around, lambda layer: keras.Sequential([layer])])
def test_code_inside_another_layer_counts(wrap: Callable[[Any], Any]) -> None:
    def around(sign: str) -> str:
        space: dict[str, Any] = {"__name__": "own"}
        exec(OWN.format(doc="", by=2.0, plus=1.0, sign=sign), space)
        return trunk_fingerprint(network(change=wrap(space["Scaled"]())))

    assert around("+") == around("+")
    assert around("+") != around("-")


def test_code_of_an_activation_counts() -> None:
    def activated(factor: float) -> str:
        def own(x: Any) -> Any:
            return x * factor

        return trunk_fingerprint(network(change=layers.Activation(own)))

    assert activated(2.0) == activated(2.0)
    assert activated(2.0) != activated(3.0)


@pytest.mark.slow
def test_every_process_finds_the_same_code(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import keras\nclass Own(keras.layers.Layer):\n"
        "    def call(self, x):\n        return x if str(x) in {'a', 'b', 'c'} else x + 1\n"
    )
    program = (
        "import keras; from own import Own; from tlkit._keras.user_code import own_code\n"
        "image = keras.Input((4, 4, 3)); model = keras.Model(image, Own()(image))\n"
        "print(*own_code(model.operations))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={
                **os.environ,
                "PYTHONPATH": str(tmp_path),
                "PYTHONHASHSEED": hash_seed,
                **QUICK_BACKEND,
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(found) == 1
    assert "call" in found.pop()


def test_models_inside_a_model_are_known_without_their_names() -> None:
    def joined(*names: str) -> str:
        image = keras.Input((8, 8, 3))
        parts = [keras.Model(inner.inputs[0], inner.outputs[0]) for inner in map(network, names)]
        return trunk_fingerprint(
            keras.Model(image, layers.Average()([part(image) for part in parts]))
        )

    assert joined("", "") == joined("_x", "_y")
