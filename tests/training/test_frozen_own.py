"""Frozen layers that act in training without a random state that Keras knows are held still too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import pytest
from keras import layers

import tlkit
from tests.training.conftest import head_stage, trainer


class Halved(layers.Layer):  # type: ignore[misc]
    """Stands for stochastic depth by a generator of its own: in training it does something else."""

    def call(self, x: Any, training: bool = False) -> Any:
        """Halve in training."""
        return x * 0.5 if training else x


class Block(layers.Layer):  # type: ignore[misc]
    """A layer that holds one, and is not told ``training`` itself."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.inner = [Halved()]

    def call(self, x: Any) -> Any:
        """Run it."""
        return self.inner[0](x)


def network(middle: Any) -> Any:
    """A backbone with a layer in the middle of a residual branch."""

    def build() -> Any:
        def conv(filters: int, name: str) -> Any:
            kernel = keras.initializers.GlorotUniform(len(name))
            return layers.Conv2D(filters, 3, padding="same", kernel_initializer=kernel, name=name)

        image = keras.Input((16, 16, 3))
        x = conv(4, "first")(layers.Rescaling(1 / 255)(image))
        x = layers.Add()([x, middle()(conv(4, "second")(x))])
        return keras.Model(image, x)

    return build


def first(found: Sequence[Any], epoch: int) -> Sequence[Any]:  # noqa: ARG001
    """Train the first convolution alone, so that all else is frozen in the tail."""
    return [layer for layer in found if layer.name == "first"]


def losses(middle: Any, policy: Any, data: tlkit.ImageDataset) -> list[float]:
    stage = head_stage(policy=policy, epochs=1)
    result = trainer(stage, backbone=network(middle), engine="keras").fit(data, verbose=0)
    return result.history["head"]["loss"]


@pytest.mark.parametrize("kind", [Halved, Block])
def test_frozen_layer_of_ones_own_does_not_act(kind: Any, data: tlkit.ImageDataset) -> None:
    assert losses(kind, first, data) == pytest.approx(losses(layers.Identity, first, data))


def test_layer_of_ones_own_that_is_unfrozen_acts(data: tlkit.ImageDataset) -> None:
    def middle_too(found: Sequence[Any], epoch: int) -> Sequence[Any]:
        return [*first(found, epoch), *(x for x in found if isinstance(x, Halved))]

    def middle_only(found: Sequence[Any], epoch: int) -> Sequence[Any]:  # noqa: ARG001
        return [x for x in found if isinstance(x, Halved)]

    for policy in (middle_too, middle_only):
        acting, still = (losses(kind, policy, data) for kind in (Halved, layers.Identity))
        assert acting != pytest.approx(still)


def test_frozen_spectral_normalization_stays_as_it_is(data: tlkit.ImageDataset) -> None:
    def normed() -> Any:
        kernel = keras.initializers.GlorotUniform(1)
        conv = layers.Conv2D(4, 3, padding="same", kernel_initializer=kernel)
        return layers.SpectralNormalization(conv)

    assert losses(normed, first, data)  # FrozenChangedError where it moves
