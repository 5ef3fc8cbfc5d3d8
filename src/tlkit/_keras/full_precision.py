"""Keras in float32: where a GPU would round to TensorFloat-32, and of models of mixed precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from tlkit._keras.layers import inner_layers, leaf_layers, made_from
from tlkit._keras.types import Model

_LOW = ("float16", "bfloat16")


@contextmanager
def full_precision() -> Iterator[None]:
    """Let what Keras computes here be what others are compared with.

    On a GPU of NVIDIA all three backends multiply numbers of float32 with ten bits behind the
    point unless they are told otherwise: fast, good enough to train with, and so far off (3.4e-4 of
    the largest output of an EfficientNet-Lite0) that a file that computes what the network says
    would seem wrong. On a processor nothing changes. The setting of TensorFlow and PyTorch is one
    of the process.

    Example:
        >>> with full_precision():
        ...     pass
    """
    import keras

    name = keras.backend.backend()
    if name == "jax":
        import jax

        # On a processor it would change nothing but what JAX compiled, which it would do again.
        on_cpu = jax.default_backend() == "cpu"
        with nullcontext() if on_cpu else jax.default_matmul_precision("float32"):
            yield
    elif name == "torch":
        with _torch():
            yield
    elif name == "tensorflow":
        with _tensorflow():
            yield
    else:
        yield


@contextmanager
def _torch() -> Iterator[None]:
    import torch

    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = False
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


@contextmanager
def _tensorflow() -> Iterator[None]:
    import tensorflow as tf

    settings = tf.config.experimental
    before = settings.tensor_float_32_execution_enabled()
    settings.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        settings.enable_tensor_float_32_execution(before)


def low_precision(model: Model) -> str:
    """Return in which type of less than float32 a layer of a model computes; empty if none does.

    Example:
        >>> import keras
        >>> image = keras.Input((4,))
        >>> low_precision(keras.Model(image, keras.layers.Dense(2, dtype="mixed_bfloat16")(image)))
        'bfloat16'
    """
    for layer in leaf_layers(model):
        for part in (layer, *inner_layers(layer)):
            if part.compute_dtype in _LOW:
                return str(part.compute_dtype)
    return ""


def in_float32(model: Model) -> Model:
    """Return a model that computes in float32 with the weights of one of mixed precision.

    The weights of ``mixed_float16`` and ``mixed_bfloat16`` are float32 as it is. The inputs of a
    Functional model keep their names.

    Args:
        model: A Functional or Sequential keras.Model; where nothing of it is below float32, it is
            returned itself.
    """
    import keras

    if not low_precision(model):
        return model
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # of what layers of others make inside
    try:
        made: Model = keras.models.clone_model(model, clone_function=_widened, recursive=True)
    finally:
        keras.config.set_dtype_policy(policy)
    made.set_weights(model.get_weights())
    return made


def _widened(layer: Any) -> Any:
    return made_from(layer, _wide(layer.get_config()))


def _wide(config: Any) -> Any:
    """Return a layer's settings with float32 for each type and each policy of less."""
    if isinstance(config, dict):
        return {key: _wide(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        parts = [_wide(value) for value in config]
        return parts if isinstance(config, list) else tuple(parts)
    low = isinstance(config, str) and config.removeprefix("mixed_") in _LOW
    return "float32" if low else config
