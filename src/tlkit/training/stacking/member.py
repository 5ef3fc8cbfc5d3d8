"""A head that trains beside others: what it is given and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit.training.feeding.targets import Targets
from tlkit.training.stage import Stage


@dataclass(frozen=True, eq=False)
class Dense:
    """A ``keras.layers.Dense`` of a member.

    Args:
        kernel: (inputs, units), float32, before training.
        bias: (units,), or None.
        activation: Its name.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    activation: str

    @property
    def shape(self) -> tuple[object, ...]:
        """What layers that are stacked have in common."""
        return ("dense", self.kernel.shape, self.bias is None, self.activation)

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """Kernel, and bias where there is one."""
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]


@dataclass(frozen=True)
class Dropout:
    """A ``keras.layers.Dropout`` of a member.

    Args:
        rate: Share of its inputs that are dropped.
        start: Seed of its generator when the stage begins.
    """

    rate: float
    start: int

    @property
    def shape(self) -> tuple[object, ...]:
        """What layers that are stacked have in common."""
        return ("dropout",)

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """None."""
        return []


Layer = Dense | Dropout


@dataclass(frozen=True, eq=False)
class Member:
    """A head and how it is trained, by a stage that `alone_because` has nothing against.

    Args:
        stage: The settings.
        seed: The order of its images follows from it.
        layers: From features to probabilities.
        train: Rows of the features that train, int64 (n,).
        validation: Rows that validate; none where there are none.
        targets: What labels become.
    """

    stage: Stage
    seed: int
    layers: tuple[Layer, ...]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    targets: Targets

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.train) // self.stage.batch_size)


@dataclass(frozen=True, eq=False)
class Trained:
    """What the training of a member gave.

    Args:
        weights: Kernels and biases that its stage ends with, in order of the layers, float32.
        history: Figures by epoch: loss, accuracy, and those of validation.
        best_epoch: The epoch, from 0, whose weights these are.
    """

    weights: list[NDArray[np.float32]]
    history: dict[str, list[float]]
    best_epoch: int
