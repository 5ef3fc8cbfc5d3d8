"""Keras in float32, where a GPU would round the factors of its products to TensorFloat-32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext


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
