"""The classification head that is put on a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tlkit._numbers import is_whole
from tlkit._seeds import stream_seed
from tlkit.errors import TrainingError


@dataclass(frozen=True)
class Head:
    """Global average pooling, hidden layers with dropout, and a softmax.

    Args:
        units: Width of each hidden Dense layer; none by default. The study: ``(1024, 512)``.
        dropout: Rate in [0, 1) after each hidden layer, or before the softmax if there is none.
        activation: Of the hidden layers.

    Raises:
        TrainingError: A width below 1 or a rate outside [0, 1).

    Example:
        >>> import tlkit
        >>> tlkit.Head(units=(1024, 512))
        Head(units=(1024, 512), dropout=0.2, activation='relu')
    """

    units: Sequence[int] = ()
    dropout: float = 0.2
    activation: str = "relu"

    def __post_init__(self) -> None:
        given = self.units
        if not isinstance(given, (list, tuple)) or not all(is_whole(unit, 1) for unit in given):
            raise TrainingError(
                f"{self!r}: units must be positive integers in a list, such as units=(256,)."
            )
        object.__setattr__(self, "units", tuple(map(int, given)))
        if not 0 <= self.dropout < 1:
            raise TrainingError(f"{self!r}: dropout must be at least 0 and below 1.")

    def build(self, features: Any, classes: int, *, seed: int) -> Any:
        """Return the softmax on a symbolic tensor of features.

        Args:
            features: ``(None, h, w, c)`` or ``(None, c)``.
            classes: Number of classes, at least 2.
            seed: Initial weights and dropout follow from it alone.

        Returns:
            Symbolic float32 probabilities ``(None, classes)``.
        """
        from keras import initializers, layers

        def dense(x: Any, units: int, activation: str, name: str) -> Any:
            kernel = initializers.GlorotUniform(seed=_seed(seed, name))
            # float32 also under mixed precision: a softmax in float16 loses small probabilities.
            dtype = "float32" if activation == "softmax" else None
            return layers.Dense(
                units, activation, kernel_initializer=kernel, name=name, dtype=dtype
            )(x)

        def dropout(x: Any, name: str) -> Any:
            return layers.Dropout(self.dropout, seed=_seed(seed, name), name=name)(x)

        x = features
        if len(x.shape) == 4:
            x = layers.GlobalAveragePooling2D(name="head_pool")(x)
        for number, units in enumerate(self.units, 1):
            x = dense(x, units, self.activation, f"head_dense_{number}")
            x = dropout(x, f"head_dropout_{number}")
        if not self.units:
            x = dropout(x, "head_dropout")
        return dense(x, classes, "softmax", "probabilities")


def _seed(seed: int, name: str) -> int:
    return stream_seed(seed, f"head {name}") % 2**31
