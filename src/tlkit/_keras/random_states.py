"""What layers draw random numbers from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

from tlkit._keras.layers import inner_layers
from tlkit._keras.types import Variable
from tlkit._keras.user_code import is_own


def random_states(layer: object) -> list[Variable]:
    """Return the variables from which a layer draws random numbers, as dropout does.

    They are the states of its ``keras.random.SeedGenerator``s and of those inside it: of all
    its variables those that are no weights.

    Args:
        layer: A keras.Layer or keras.Model; anything else, such as a function of keras.ops, draws
            from nothing that is known.

    Example:
        >>> import keras
        >>> [tuple(state.shape) for state in random_states(keras.layers.Dropout(0.5, seed=1))]
        [(2,)]
        >>> random_states(keras.layers.Dense(3))
        []
    """
    weights = {id(weight) for weight in getattr(layer, "weights", ())}
    return [state for state in getattr(layer, "variables", ()) if id(state) not in weights]


def acts_in_training(layer: Any) -> bool:
    """Return whether a layer may do in training what it does not do at inference.

    That is one that draws random numbers; ``SpectralNormalization``, which changes its own weights;
    and one that does not come with Keras and takes ``training``, as stochastic depth by
    ``tf.random`` does: nobody can see what it draws from. ``trainable=False`` stops none of these,
    as it does stop BatchNormalization.

    Args:
        layer: As for `random_states`; those inside it count.
    """
    if random_states(layer):
        return True
    import keras

    if not isinstance(layer, keras.Layer):
        return False
    return any(map(_acts_itself, (layer, *inner_layers(layer))))


def _acts_itself(layer: Any) -> bool:
    import keras

    if not is_own(type(layer)):
        return isinstance(layer, keras.layers.SpectralNormalization)
    return "training" in signature(layer.call).parameters


def global_generator() -> Any | None:
    """Return PyTorch's global generator where Keras runs on it, else None.

    Keras on PyTorch reads arrays with its data loader, which draws a number from there in every
    epoch, and the order of the samples. Python's and NumPy's generators serve every backend.
    """
    import keras

    if keras.backend.backend() != "torch":
        return None
    import torch

    return torch.default_generator


@contextmanager
def global_generators_kept() -> Iterator[None]:
    """Put PyTorch's generators back at the end, those of GPUs too; elsewhere do nothing."""
    if global_generator() is None:
        yield
        return
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield


def seed_global_generators(seed: int) -> None:
    """Let what layers without a seed draw on PyTorch follow from a number; elsewhere do nothing.

    Keras draws there from PyTorch's generator of the device for a layer that was given no seed, as
    the dropout of most backbones, and not from a variable of the layer.

    Args:
        seed: At least 0.
    """
    if global_generator() is not None:
        import torch

        torch.manual_seed(seed % 2**63)
