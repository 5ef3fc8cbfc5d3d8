"""What others are given or compared with is in float32, and settings come back after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import keras
import numpy as np
import pytest

from tlkit._keras.full_precision import full_precision, in_float32, low_precision


def rounds() -> bool:
    """Return whether this process lets a GPU round the factors of products."""
    name = keras.backend.backend()
    if name == "jax":
        import jax

        return bool(jax.config.jax_default_matmul_precision != "float32")
    if name == "torch":
        import torch

        return bool(torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32)
    import tensorflow as tf

    return bool(tf.config.experimental.tensor_float_32_execution_enabled())


ALONE = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="is left alone where there is no GPU, see below"
)


@ALONE
def test_nothing_is_rounded_inside_and_the_setting_is_as_before_after_it() -> None:
    before = rounds()
    assert before, "the setting of the backends has changed, and this test tells nothing"
    with full_precision():
        assert not rounds()
    assert rounds()


@ALONE
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_setting_comes_back_after_an_error(error: type[BaseException]) -> None:
    with suppress(error), full_precision():
        raise error
    assert rounds()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiles for each setting")
def test_on_a_processor_jax_compiles_nothing_again() -> None:
    import jax

    calls = []

    def doubled(x: Any) -> Any:
        calls.append(1)
        return 2 * x

    double = jax.jit(doubled)
    double(1.0)
    with full_precision():
        double(1.0)
    assert (len(calls) == 1) == (jax.default_backend() == "cpu")


class Block(keras.layers.Layer):  # type: ignore[misc]
    """A layer that makes others, which take the policy of the process, and tells none of them."""

    def __init__(self, **others: Any) -> None:
        super().__init__(**others)
        self.dense = keras.layers.Dense(4)

    def build(self, shape: Any) -> None:
        """Build the inner layer."""
        self.dense.build(shape)

    def call(self, x: Any) -> Any:
        """Run it."""
        return self.dense(x)


def of_one_part(part: Any) -> Any:
    """A model of six numbers by some layer, or model."""
    image = keras.Input((6,))
    return keras.Model(image, keras.layers.Activation("softmax", dtype="float32")(part(image)))


def a_model_inside() -> Any:
    """A network that holds another as one layer."""
    image = keras.Input((6,))
    inner = keras.Model(image, keras.layers.Dense(4, name="deep")(image), name="inner")
    return of_one_part(inner)


def in_sequence() -> Any:
    """A Sequential model."""
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), keras.layers.ReLU()])


def of_a_wrapper() -> Any:
    """A layer inside another, which tells its settings."""
    parts = [keras.layers.Reshape((2, 3)), keras.layers.TimeDistributed(keras.layers.Dense(2))]
    return keras.Sequential([keras.Input((6,)), *parts, keras.layers.Flatten()])


KINDS = {
    "dense": lambda: of_one_part(keras.layers.Dense(4)),
    "normalization": lambda: of_one_part(keras.layers.BatchNormalization()),
    "block": lambda: of_one_part(Block()),
    "model inside": a_model_inside,
    "sequence": in_sequence,
    "wrapper": of_a_wrapper,
}


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16", "bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    """A policy of less than float32, for one test."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_less_is_what_was_made_in_float32_with_its_weights(
    kind: str, policy: str
) -> None:
    model = KINDS[kind]()
    assert low_precision(model) == policy.removeprefix("mixed_")
    made: Any = in_float32(model)
    assert keras.config.dtype_policy().name == policy
    assert not low_precision(made)
    if not isinstance(model, keras.Sequential):
        assert [x.name for x in made.inputs] == [x.name for x in model.inputs]
    keras.config.set_dtype_policy("float32")
    plain = KINDS[kind]()
    plain.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    np.testing.assert_array_equal(made.predict(x, verbose=0), plain.predict(x, verbose=0))
    assert not {id(weight) for weight in made.weights} & {id(weight) for weight in model.weights}


def test_a_model_of_float32_is_itself() -> None:
    model = KINDS["dense"]()
    assert in_float32(model) is model
