"""What others are compared with is computed in float32, and settings come back after it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import keras
import pytest

from tlkit._keras.full_precision import full_precision


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
